"""What a worker does with what the trials of an attempt say."""

import sys

from sweeps.study.study import Study
from sweeps.worker.attempt import Attempt
from sweeps.worker.messages import Declared, FromTrial, GaveUp, Progressed, Raised, Reported, Returned, Waiting


def hear(attempt: Attempt, study: Study) -> None:
    """Read what the trials of an attempt have said, and tell their study.

    Args:
        attempt: The attempt.
        study: Its study.
    """
    messages = attempt.receive()
    # Each report that the pruner sees is written to the study. A trial that reports a thousand times a second must
    # not keep the worker from its signals: per look the last report of the same metrics counts.
    last = {(message.trial, *message.metrics): message for message in messages if isinstance(message, Reported)}
    for message in messages:
        if not isinstance(message, Reported) or message is last[message.trial, *message.metrics]:
            _tell(attempt, study, message)


def _tell(attempt: Attempt, study: Study, message: FromTrial) -> None:
    match message:
        case Reported(trial=number, metrics=metrics, step=step):
            member = attempt.members[number]
            member.progress = {**member.progress, **metrics, "step": step}
            if study.should_prune(member.claim, metrics, step):
                attempt.prune(number)
        case Declared(directions=directions, means=means):
            study.declare(directions, means)
        case Waiting(trial=number, reason=reason):
            sys.stderr.write(f"Trial {number} {reason}.\n")
        case Progressed() | Returned() | GaveUp() | Raised():
            pass  # the attempt has noted it
