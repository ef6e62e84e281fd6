"""What a trial or a command leaves behind is gone in a second or two, in whatever session it is."""

import contextlib
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from tests.chaos.test_kills import children, command_of, servers
from tests.conftest import Commands, wait_for
from tests.invariants import alive_in, study

pytestmark = pytest.mark.long


def test_what_a_trial_has_started_ends_with_the_trial(commands: Commands) -> None:
    worker = commands.start("fake", "-m", "mode=orphan,hang", "study.name=s", "study.slots=1")
    wait_for(lambda: (commands.folder / "orphans.txt").exists())
    wait_for(lambda: study(commands).counts()["done"] == 1, timeout_s=20)
    wait_for(lambda: not any("sleep" in line for line in alive_in(commands)), timeout_s=2)
    # The second trial runs, in a process of the same server; nothing else is left.
    wait_for(lambda: study(commands).counts()["running"] == 1, timeout_s=20)
    wait_for(lambda: sum("forkserver" in line for line in alive_in(commands)) == 2, timeout_s=5)
    outcome = study(commands).trials()[0].outcome
    assert isinstance(outcome, Completed) and outcome.values == (1.0,)
    worker.terminate()
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 143 and "unexpected pid" not in err and alive_in(commands) == []


@pytest.mark.parametrize("victim", ["worker", "server", "trial"])
def test_what_a_trial_has_started_ends_with_a_kill(commands: Commands, victim: str) -> None:
    line = ("-m", "mode=orphan_hang", "study.name=s", "study.max_retries=0", "study.lease_s=600")
    worker = commands.start("fake", *line)
    wait_for(lambda: (commands.folder / "orphans.txt").exists())
    orphans = sleepers(commands)
    assert len(orphans) == 1 and len(alive_in(commands)) >= 4
    pids = {"worker": [worker.pid], "server": servers(worker), "trial": trials_of(servers(worker)[0])}[victim]
    os.kill(pids[0], signal.SIGKILL)
    wait_for(lambda: not is_there(orphans[0]), timeout_s=2)
    if victim == "worker":
        worker.communicate()
        wait_for(lambda: alive_in(commands) == [], timeout_s=2)
    else:
        worker.terminate()
        worker.communicate(timeout=60)
        assert alive_in(commands) == []


def sleepers(commands: Commands) -> list[int]:
    """The `sleep` processes that work in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if command_of(int(process.name)).startswith("sleep") and (process / "cwd").readlink() == commands.folder:
                found.append(int(process.name))
    return found


def trials_of(server: int) -> list[int]:
    return [pid for pid in children(server) if "forkserver" in command_of(pid)]


def is_there(pid: int) -> bool:
    return command_of(pid) != ""


@pytest.mark.parametrize("num_kills", [2, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_command_killed_at_any_moment_of_its_start_is_gone_within_a_second(
    commands: Commands, num_kills: int
) -> None:
    """With the network's libraries, so that the server imports for a long time."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    for i in range(num_kills):
        line = ("-m", "model=dense", "model.size=tiny", "seed=0,1", "trainer.max_epochs=50", f"study.name=s{i}")
        worker = commands.start("train", *line)
        if i % 2:
            wait_for(lambda worker=worker: servers(worker) != [])  # type: ignore[misc]
            time.sleep(generator.uniform(0.0, 0.5))
        else:
            time.sleep(generator.uniform(0.5, 12.0))
        worker.kill()
        worker.communicate()
        wait_for(lambda: alive_in(commands) == [], timeout_s=1)


def test_a_command_leaves_no_file_outside_when_it_is_killed(commands: Commands) -> None:
    place = Path(tempfile.mkdtemp(dir="/tmp"))  # short enough for sockets
    commands.environment["TMPDIR"] = str(place)
    worker = commands.start("fake", "-m", "mode=hang", "study.name=s")
    wait_for(lambda: (commands.folder / "executions.txt").exists())
    assert [path.name[:7] for path in place.iterdir()] == ["sweeps-"]
    worker.kill()
    worker.communicate()
    wait_for(lambda: list(place.iterdir()) == [], timeout_s=3)
    place.rmdir()


@pytest.mark.parametrize("num_characters", [pytest.param(70, marks=pytest.mark.slow), 90, 200])
def test_a_long_folder_for_temporary_files_keeps_no_sweep_from_starting(
    commands: Commands, num_characters: int
) -> None:
    place = commands.folder / ("d" * max(1, num_characters - len(str(commands.folder)) - 1))
    place.mkdir()
    commands.environment["TMPDIR"] = str(place)
    done = commands.run("fake", "-m", "x=1,2", "study.name=s")
    assert done.returncode == 0, done.stderr
    assert [trial.state for trial in study(commands).trials()] == ["completed"] * 2


def test_a_trial_that_has_returned_and_does_not_end_is_ended_and_its_result_kept(commands: Commands) -> None:
    began = time.monotonic()
    line = ("-m", "mode=thread", "x=1,2", "study.name=s", "study.stall_timeout_s=20", "study.max_retries=0")
    done = commands.run("fake", *line)
    assert done.returncode == 0 and time.monotonic() - began < 60, done.stderr
    outcomes = [trial.outcome for trial in study(commands).trials()]
    assert all(isinstance(outcome, Completed) and outcome.values == (1.0,) for outcome in outcomes)
    assert alive_in(commands) == []


def test_a_terminal_that_is_closed_hands_back(commands: Commands) -> None:
    worker = commands.start("fake", "-m", "mode=hang", "x=1,2", "study.name=s", "study.max_retries=0")
    wait_for(lambda: (commands.folder / "executions.txt").exists() and study(commands).counts()["running"] == 2)
    worker.send_signal(signal.SIGHUP)
    worker.communicate(timeout=60)
    assert worker.returncode == 129
    assert study(commands).counts() == {"open": 2, "running": 0, "done": 0}
    assert {event.what for event in study(commands).events()} == {"claimed", "handed back"}
    assert alive_in(commands) == []


def test_an_output_that_nobody_reads_any_more_hands_back(commands: Commands) -> None:
    worker = commands.start("fake", "-m", "x=1,2,3,4,5,6", "sleep_s=4", "study.name=s", "study.slots=2")
    assert worker.stdout is not None
    assert worker.stdout.readline().startswith("Study s: 6 trials")
    worker.stdout.close()
    assert worker.wait(timeout=60) == 141
    assert worker.stderr is not None
    assert "Traceback" not in worker.stderr.read()
    counts = study(commands).counts()
    assert counts["running"] == 0 and counts["open"] >= 2 and alive_in(commands) == []
