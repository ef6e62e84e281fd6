"""One table: how an attempt ended, and what becomes of its trial."""

from dataclasses import replace

import pytest

from sweeps.outcome import RETRYABLE, Cause, Completed, Failed, Outcome, Pruned
from sweeps.study.requeue import MAX_FREE_ATTEMPTS, Ended, Ending, Finish, Lost, Requeue, Stopped, decide, pause_s

CRASH = Failed(cause="crash", detail="killed by SIGKILL")
ERROR = Failed(cause="error", detail="ValueError: x")
DONE = Completed(values=(0.5,))
RETRIED = Requeue(what="retried", reason="crash: killed by SIGKILL", counts=True)
LOST = Lost(why="its fork server died", outcome=CRASH)


@pytest.mark.parametrize(
    ("ending", "attempt", "retries_left", "decision"),
    [
        (Ended(outcome=DONE), 1, 5, Finish(outcome=DONE)),
        (Ended(outcome=Pruned()), 1, 5, Finish(outcome=Pruned())),
        (Ended(outcome=CRASH), 1, 1, RETRIED),
        (Ended(outcome=CRASH), 1, 0, Finish(outcome=CRASH)),
        (Ended(outcome=ERROR), 1, 5, Finish(outcome=ERROR)),
        (Stopped(why="SIGTERM"), 1, 0, Requeue(what="handed back", reason="SIGTERM")),
        (Stopped(why="SIGTERM"), 1000, 0, Requeue(what="handed back", reason="SIGTERM")),
        (LOST, 1, 0, Requeue(what="lost", reason="its fork server died (attempt 1 of at most 20)")),
        (LOST, 19, 0, Requeue(what="lost", reason="its fork server died (attempt 19 of at most 20)", pause_s=30.0)),
        (LOST, MAX_FREE_ATTEMPTS, 0, Finish(outcome=CRASH)),
        (LOST, MAX_FREE_ATTEMPTS, 1, replace(RETRIED, pause_s=30.0)),
        (Ended(outcome=CRASH), 4, 1, replace(RETRIED, pause_s=2.0)),
        (replace(LOST, limit=5), 5, 0, Finish(outcome=CRASH)),
    ],
)
def test_what_becomes_of_a_trial(ending: Ending, attempt: int, retries_left: int, decision: Finish | Requeue) -> None:
    assert decide(ending, attempt, retries_left) == decision


@pytest.mark.parametrize(
    ("cause", "is_retried"),
    [
        ("error", False),
        ("input_output", True),
        ("out_of_memory", True),
        ("crash", True),
        ("hung", True),
        ("timeout", False),
        ("no_objective", False),
        ("nonfinite", False),
    ],
)
def test_a_retry_is_for_causes_that_it_can_help(cause: Cause, is_retried: bool) -> None:
    outcome: Outcome = Failed(cause=cause, detail="d")
    assert isinstance(decide(Ended(outcome=outcome), 1, 1), Requeue) == is_retried == (cause in RETRYABLE)


def test_only_a_retry_counts() -> None:
    decisions = [decide(ending, 1, 1) for ending in (Ended(outcome=CRASH), Stopped(why=""), LOST)]
    assert [decision.counts for decision in decisions if isinstance(decision, Requeue)] == [True, False, False]


def test_pauses_grow_and_have_an_end() -> None:
    assert [pause_s(attempt) for attempt in (1, 2, 3, 4, 5, 8, 9, 1000)] == [0, 0, 1, 2, 4, 30, 30, 30]
