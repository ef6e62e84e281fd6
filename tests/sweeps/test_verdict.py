"""From the last word of a trial, or from how its process ended, to what it amounts to."""

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from sweeps.outcome import Completed, Failed, Goal, Pruned
from sweeps.space import Point
from sweeps.study.records import Claim
from sweeps.study.requeue import Ended, Ending, Lost, Stopped
from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal
from sweeps.worker.attempt import Attempt, Member
from sweeps.worker.messages import GaveUp, LastWord, Raised, Returned
from sweeps.worker.placement import Place
from sweeps.worker.verdict import verdict

CLAIM = Claim(id=1, number=0, attempt=1, worker="w", trial_id=1, point=Point(overrides={}), spent_s=10.0)


def judged(
    folder: Path,
    last_word: LastWord | None = None,
    exit_code: int = 0,
    *,
    is_stopped: bool = False,
    has_lost_its_server: bool = False,
    num_oom_kills: int = 0,
) -> Ending:
    process = SimpleNamespace(pid=0, exit_code=exit_code, has_lost_its_server=has_lost_its_server)
    member = Member(claim=CLAIM, files=TrialFiles(folder), last_word=last_word)
    attempt = Attempt([member], Place(threads=1, device=None, share=1.0), process)  # type: ignore[arg-type]
    attempt.stopped_because = "its worker was told to stop by SIGINT" if is_stopped else None
    attempt.num_oom_kills -= num_oom_kills
    return verdict(attempt, member, Goal(names=("loss", "acc"), num_values=2))


def of(ending: Ending) -> Completed | Pruned | Failed:
    assert isinstance(ending, Ended)
    return ending.outcome


def test_what_it_returned_counts_however_its_process_ended(tmp_path: Path) -> None:
    Journal(tmp_path).log({"loss": 0.5}, 3)
    outcome = of(judged(tmp_path, Returned(trial=0, value=[0.25, 1.0]), exit_code=-signal.SIGKILL))
    assert isinstance(outcome, Completed)
    assert outcome.values == (0.25, 1.0) and outcome.metrics == {"loss": 0.5}
    assert 10.0 <= outcome.duration_s < 11.0  # with the time of earlier attempts


def test_a_wrong_number_of_values_is_no_result(tmp_path: Path) -> None:
    TrialFiles(tmp_path).log.write_text("the last line\n")
    outcome = of(judged(tmp_path, Returned(trial=0, value=0.25)))
    assert isinstance(outcome, Failed)
    assert (outcome.cause, outcome.log_tail) == ("no_objective", "the last line")


def test_a_pruned_trial_has_its_last_values_if_it_has_all_of_them(tmp_path: Path) -> None:
    Journal(tmp_path).log({"loss": 0.5}, 1)
    first = of(judged(tmp_path, GaveUp(trial=0)))
    Journal(tmp_path).log({"acc": 0.9}, 2)
    second = of(judged(tmp_path, GaveUp(trial=0)))
    assert isinstance(first, Pruned) and first.values == ()
    assert isinstance(second, Pruned) and second.values == (0.5, 0.9)


def test_an_error_is_told_as_it_was_raised(tmp_path: Path) -> None:
    outcome = of(judged(tmp_path, Raised(trial=0, cause="input_output", detail="OSError: gone")))
    assert isinstance(outcome, Failed) and (outcome.cause, outcome.detail) == ("input_output", "OSError: gone")


def test_a_task_that_ends_its_process_when_it_is_stopped_is_handed_back(tmp_path: Path) -> None:
    word = Raised(trial=0, cause="crash", detail="exited with code 0 without a result (sys.exit in app.py, line 3)")
    assert of(judged(tmp_path, word)) == of(judged(tmp_path, word, exit_code=143))
    assert isinstance(judged(tmp_path, word, is_stopped=True), Stopped)


def test_an_error_of_a_task_that_is_stopped_may_come_of_that(tmp_path: Path) -> None:
    why = "its worker was told to stop by SIGINT; its task ended with"
    for cause in ("error", "input_output"):
        error = Raised(trial=0, cause=cause, detail="RuntimeError: DataLoader worker is killed by signal: Terminated")
        assert judged(tmp_path, error, is_stopped=True) == Stopped(why=f"{why} {error.detail}")
    full = Raised(trial=0, cause="disk", detail="OSError: no space")
    assert isinstance(of(judged(tmp_path, full, is_stopped=True)), Failed)


@pytest.mark.parametrize(
    ("exit_code", "detail"),
    [(3, "exited with code 3 without a result"), (0, "exited with code 0 without a result"), (-9, "killed by SIGKILL")],
)
def test_a_death_without_a_word_is_a_crash(tmp_path: Path, exit_code: int, detail: str) -> None:
    outcome = of(judged(tmp_path, exit_code=exit_code))
    assert isinstance(outcome, Failed) and (outcome.cause, outcome.detail) == ("crash", detail)


def test_a_kill_by_the_kernel_is_for_lack_of_memory(tmp_path: Path) -> None:
    outcome = of(judged(tmp_path, exit_code=-signal.SIGKILL, num_oom_kills=1))
    assert isinstance(outcome, Failed) and outcome.cause == "out_of_memory"


@pytest.mark.parametrize("exit_code", [0, 143, -15, -9, 255])
def test_whoever_was_stopped_is_handed_back(tmp_path: Path, exit_code: int) -> None:
    ending = judged(tmp_path, exit_code=exit_code, is_stopped=True, has_lost_its_server=True)
    assert ending == Stopped(why="its worker was told to stop by SIGINT")


def test_who_ended_a_lost_trial_is_told(tmp_path: Path) -> None:
    by_sigterm = judged(tmp_path, exit_code=-signal.SIGTERM)
    with_its_server = judged(tmp_path, exit_code=255, has_lost_its_server=True)
    assert isinstance(by_sigterm, Lost) and by_sigterm.why == "ended by SIGTERM, which its worker has not sent"
    assert isinstance(with_its_server, Lost) and with_its_server.why == "its fork server died"
    assert with_its_server.outcome.detail == "exited with code 255 without a result"
