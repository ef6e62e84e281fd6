"""The process of the next trial is there before that trial is claimed, and may die like any other."""

import os
import signal
import subprocess
from multiprocessing import forkserver

import pytest

from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import events
from sweeps.worker.forkserver import ForkServer
from tests.chaos.test_kills import processes, servers
from tests.conftest import Commands, wait_for
from tests.invariants import check_invariants, study

pytestmark = pytest.mark.long

LINE = ("-m", "x=1,2,3", "study.name=s", "study.slots=1", "study.max_retries=0", "sleep_s=1")


def pid_of(commands: Commands, number: int) -> int:
    """The process that a trial runs in, or has run in; 0: it has not begun."""
    files = StudyFiles(commands.folder / "studies" / "s").trial(number)
    return next((int(attempt["pid"]) for attempt in events(files.journal, "attempt")), 0)


def spare_beside(commands: Commands, worker: "subprocess.Popen[str]", number: int) -> int:
    """The process that waits while a trial runs."""
    wait_for(lambda: pid_of(commands, number) > 0)
    wait_for(lambda: len(processes(worker)) == 2)
    [spare] = [pid for pid in processes(worker) if pid != pid_of(commands, number)]
    return spare


def test_the_next_trial_runs_in_the_process_that_waits_and_the_last_has_none_beside_it(commands: Commands) -> None:
    worker = commands.start("fake", *LINE)
    waiting = [spare_beside(commands, worker, number) for number in (0, 1)]
    wait_for(lambda: pid_of(commands, 2) > 0)
    assert [pid_of(commands, number) for number in (1, 2)] == waiting
    assert processes(worker) == [waiting[1]]
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    check_invariants(commands, 3)


@pytest.mark.parametrize("victim", ["spare", "server"])
def test_a_process_that_waits_may_be_killed(commands: Commands, victim: str) -> None:
    worker = commands.start("fake", *LINE)
    spare = spare_beside(commands, worker, 0)
    os.kill(spare if victim == "spare" else servers(worker)[0], signal.SIGKILL)
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert spare not in [pid_of(commands, number) for number in range(3)]
    check_invariants(commands, 3)
    attempts = [row.attempt for row in study(commands).trials()]
    assert attempts == ([1, 1, 1] if victim == "spare" else [2, 1, 1])


def test_a_process_that_waits_ends_with_its_command(commands: Commands) -> None:
    worker = commands.start("fake", *LINE)
    spare = spare_beside(commands, worker, 0)
    worker.kill()
    worker.communicate()
    wait_for(lambda: not os.path.exists(f"/proc/{spare}"), timeout_s=2)  # noqa: PTH110


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # half a server leaves its file open
def test_a_signal_that_comes_while_the_fork_server_starts_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    start = forkserver.ensure_running

    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        start()

    monkeypatch.setattr(forkserver, "ensure_running", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            ForkServer([], {})
    finally:
        ForkServer.end()
        signal.signal(signal.SIGINT, before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
