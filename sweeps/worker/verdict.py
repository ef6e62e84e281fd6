"""What the end of a trial's process amounts to."""

import signal

from sweeps import outcome as outcomes
from sweeps.outcome import Cause, Failed, Goal, Outcome, Pruned
from sweeps.settings import StudySettings
from sweeps.study.records import Notice, TrialEnded, TrialHandedBack, TrialRetried
from sweeps.study.requeue import MAX_TERMINATED_ATTEMPTS, Ended, Ending, Finish, Lost, Requeue, Shared, Stopped
from sweeps.trial import journal
from sweeps.worker.attempt import Attempt, Member
from sweeps.worker.memory import num_oom_kills
from sweeps.worker.messages import PIPE_CLOSED, GaveUp, Raised, Returned

_TERMINATED = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""How a process ends that takes SIGTERM: by the signal, or by itself once it has written its checkpoint."""

_BY_STOPPING: frozenset[Cause] = frozenset({"error", "input_output", "crash"})
"""What a task may end with because it is stopped: a signal for all processes of a command ends those of a loader, too.
What was wrong before will be so again when the trial is continued."""


def verdict(attempt: Attempt, member: Member, goal: Goal) -> Ending:
    """How a trial's attempt ended, once its process has.

    Args:
        attempt: The attempt; its process has ended.
        member: The trial, with the last thing it said.
        goal: What the study wants of it.
    """
    match member.last_word:
        case Returned(value=value):
            return Ended(outcome=_judge(attempt, member, value, goal))
        case GaveUp():
            return Ended(outcome=_pruned(attempt, member, goal))
        case Raised(cause=cause, detail=detail) if attempt.stopped_because is None or cause not in _BY_STOPPING:
            return Ended(outcome=failure(attempt, member, cause, detail))
        case Raised(detail=detail):
            return Stopped(why=f"{attempt.stopped_because}; its task ended with {detail}")
    if attempt.stopped_because is not None:
        return Stopped(why=attempt.stopped_because)
    crash = _crash(attempt, member)
    if attempt.process.exit_code in _TERMINATED:
        why = "ended by SIGTERM, which its worker has not sent"
        return Lost(why=why, outcome=crash, limit=MAX_TERMINATED_ATTEMPTS)
    if attempt.process.has_lost_its_server:
        return Lost(why="its fork server died", outcome=crash)
    return fault(attempt, member, crash)


def fault(attempt: Attempt, member: Member, outcome: Failed) -> Ending:
    """What the failure of an attempt's process is for one of its trials that has not said its last word."""
    others = [str(number) for number in attempt.silent if number != member.claim.number]
    if not others:
        return Ended(outcome=outcome)
    them = f"trial{'s' if others[1:] else ''} {', '.join(others)}"
    return Shared(why=f"{outcome.cause}: {outcome.detail}, in one process with {them}; each is tried alone")


def notice_of(number: int, decision: Finish | Requeue) -> Notice:
    """What the observers of a worker learn of the end of an attempt."""
    match decision:
        case Finish(outcome=outcome):
            return TrialEnded(number=number, outcome=outcome)
        case Requeue(what="handed back"):
            return TrialHandedBack(number=number)
    return TrialRetried(number=number, what=decision.what, why=decision.reason)


def overrun_of(attempt: Attempt, settings: StudySettings) -> tuple[Cause, str] | None:
    """The limit of time that an attempt has exceeded, as the cause and the detail of its failure; None where none."""
    if settings.trial_timeout_s is not None and attempt.age_s > settings.trial_timeout_s:
        return "timeout", f"no end after {attempt.age_s:.0f} s (study.trial_timeout_s)"
    if settings.stall_timeout_s is not None and attempt.silence_s > settings.stall_timeout_s:
        return "hung", f"no sign of progress for {attempt.silence_s:.0f} s (study.stall_timeout_s)"
    return None


def failure(attempt: Attempt, member: Member, cause: Cause, detail: str) -> Failed:
    """A failure with all that the trial leaves behind."""
    return Failed(
        cause=cause,
        detail=detail,
        log_tail=member.files.log_tail(),
        metrics=_metrics(member),
        duration_s=_duration_s(attempt, member),
    )


def _judge(attempt: Attempt, member: Member, value: object, goal: Goal) -> Outcome:
    reported = journal.values(member.files.journal, finite=False)
    outcome = outcomes.judge(value, goal, reported, _metrics(member), _duration_s(attempt, member))
    return failure(attempt, member, outcome.cause, outcome.detail) if isinstance(outcome, Failed) else outcome


def _pruned(attempt: Attempt, member: Member, goal: Goal) -> Pruned:
    metrics = _metrics(member)
    values = tuple(metrics[name] for name in goal.names if name in metrics)
    is_whole = len(values) == goal.num_values
    return Pruned(values=values if is_whole else (), metrics=metrics, duration_s=_duration_s(attempt, member))


def _crash(attempt: Attempt, member: Member) -> Failed:
    code = attempt.process.exit_code or 0
    if code == PIPE_CLOSED:
        return failure(attempt, member, "error", "the task has closed a file of sweeps: the pipe to its worker")
    if code >= 0:
        return failure(attempt, member, "crash", f"exited with code {code} without a result")
    if code == -signal.SIGKILL and num_oom_kills() > attempt.num_oom_kills:
        return failure(attempt, member, "out_of_memory", "killed by the kernel, which had run out of memory")
    return failure(attempt, member, "crash", f"killed by {signal.Signals(-code).name}")


def _metrics(member: Member) -> dict[str, float]:
    return journal.values(member.files.journal)


def _duration_s(attempt: Attempt, member: Member) -> float:
    return member.claim.spent_s + attempt.worked_s(member)
