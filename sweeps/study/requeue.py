"""Whether an attempt ends its trial or the trial is handed out again. It is decided here and nowhere else."""

from dataclasses import dataclass
from typing import Any, Literal

from sweeps import outcome as outcomes
from sweeps.outcome import RETRYABLE, Failed, Outcome, Pruned

MAX_FREE_ATTEMPTS = 20
"""From this attempt on a trial that is lost counts as failed: it may be what takes its server down each time."""

MAX_TERMINATED_ATTEMPTS = 5
"""The same for one that somebody else terminates: out-of-memory daemons and batch systems do so for a reason."""

_FREE_OF_PAUSE = 2
MAX_PAUSE_S = 30.0
"""Longest time that a trial waits after a failed attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The attempt has run to an end of its own, good or bad, or its worker has ended it for a fault."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The worker has been told to stop and has stopped its trials; nothing is wrong with the trial."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The attempt was ended from outside, by nothing that the trial is known to have done.

    Attributes:
        why: What ended it.
        outcome: What it amounts to where it counts after all.
        limit: From this attempt on it counts.
    """

    why: str
    outcome: Failed
    limit: int = MAX_FREE_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The process that the trial shared with others has failed: nobody knows by whose fault.

    Attributes:
        why: What happened to the process, and who the others were.
    """

    why: str


Ending = Ended | Stopped | Lost | Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The trial has its outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """Any worker may continue the trial.

    Attributes:
        what: The event this is.
        reason: Why.
        counts: Whether it uses up one of `study.max_retries`.
        pause_s: How long nobody may take the trial.
    """

    what: Literal["handed back", "lost", "retried", "set apart"]
    reason: str
    counts: bool = False
    pause_s: float = 0.0


def decide(ending: Ending, attempt: int, retries_left: int) -> Finish | Requeue:
    """What becomes of a trial whose attempt is over.

    Args:
        ending: How the attempt ended.
        attempt: Its number, 1 for the first.
        retries_left: Further attempts that the study grants after a failure.
    """
    match ending:
        case Stopped(why=why):
            return Requeue(what="handed back", reason=why)
        case Shared(why=why):
            return Requeue(what="set apart", reason=why)
        case Lost(why=why, limit=limit) if attempt < limit:
            told = f"{why} (attempt {attempt} of at most {limit})"
            return Requeue(what="lost", reason=told, pause_s=pause_s(attempt))
        case Lost(outcome=outcome):
            return decide(Ended(outcome=outcome), attempt, retries_left)
        case Ended(outcome=Failed(cause=cause, detail=detail)) if cause in RETRYABLE and retries_left > 0:
            return Requeue(what="retried", reason=f"{cause}: {detail}", counts=True, pause_s=pause_s(attempt))
        case Ended(outcome=outcome):
            return Finish(outcome=outcome)


def pause_s(attempt: int) -> float:
    """How long a trial waits after this attempt: not at all at first, then twice as long each time."""
    return 0.0 if attempt <= _FREE_OF_PAUSE else min(MAX_PAUSE_S, 0.5 * 2.0 ** (attempt - _FREE_OF_PAUSE))


def was_pruned(row: Any) -> bool:
    """Whether a pruner has stopped a trial."""
    return row.state == "done" and isinstance(outcomes.from_json(row.outcome), Pruned)


def may_reopen(row: Any, *, is_named: bool, fresh: bool) -> bool:
    """Whether a trial may be handed out once more: it has failed; or it is asked for, and was skipped or interrupted.

    Args:
        row: The trial.
        is_named: Whether somebody asks for this one.
        fresh: Whether it is to begin anew, without which one that was interrupted needs nothing.
    """
    if row.state == "skipped":
        return is_named
    if row.state == "done":
        return isinstance(outcomes.from_json(row.outcome), Failed)
    return is_named and fresh and row.state == "open" and row.attempt > 0
