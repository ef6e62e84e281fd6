"""What the end of a trial's process amounts to."""

import signal
from collections.abc import Sequence

from sweeps import outcome as outcomes
from sweeps.outcome import Cause, Failed, Outcome, Pruned
from sweeps.trial import journal
from sweeps.trial.files import TrialFiles
from sweeps.worker.memory import num_oom_kills
from sweeps.worker.process import RunningTrial


def verdict(trial: RunningTrial, objectives: Sequence[str], num_objectives: int) -> Outcome:
    """The outcome of a trial whose process has ended.

    Args:
        trial: The trial, with the last thing it said.
        objectives: Names of the metrics that are its values if it was pruned.
        num_objectives: How many values a result has.
    """
    match trial.ending:
        case ("returned", value):
            outcome = outcomes.judge(value, num_objectives, _metrics(trial), _duration_s(trial))
            return failure(trial, outcome.cause, outcome.detail) if isinstance(outcome, Failed) else outcome
        case ("pruned", _):
            metrics = _metrics(trial)
            values = tuple(metrics[name] for name in objectives if name in metrics)
            is_whole = len(values) == num_objectives
            return Pruned(values=values if is_whole else (), metrics=metrics, duration_s=_duration_s(trial))
        case ("raised", (cause, detail)):
            return failure(trial, cause, detail)
    code = trial.process.exitcode
    if code >= 0:
        return failure(trial, "crash", f"exited with code {code} without a result")
    if code == -signal.SIGKILL and num_oom_kills() > trial.num_oom_kills:
        return failure(trial, "out_of_memory", "killed by the kernel, which had run out of memory")
    return failure(trial, "crash", f"killed by {signal.Signals(-code).name}")


def failure(trial: RunningTrial, cause: Cause, detail: str) -> Failed:
    """A failure with all that the trial leaves behind."""
    return Failed(
        cause=cause,
        detail=detail,
        log_tail=TrialFiles(trial.directory).log_tail(),
        metrics=_metrics(trial),
        duration_s=_duration_s(trial),
    )


def _metrics(trial: RunningTrial) -> dict[str, float]:
    return journal.last_values(TrialFiles(trial.directory).journal)


def _duration_s(trial: RunningTrial) -> float:
    return trial.claim.spent_s + trial.age_s
