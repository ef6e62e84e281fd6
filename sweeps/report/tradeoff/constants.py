"""What the best constant answer reaches in a metric: the 0 of the scale on which tasks are compared."""

import math
from collections.abc import Sequence

from sweeps.errors import StudyError
from sweeps.report.confusions import confusions_of
from sweeps.study.study import Study

_MAX_READ = 20


def known_constants(study: Study, metrics: Sequence[str]) -> dict[str, float]:
    """What the most frequent class as the only answer reaches, of metrics of which a trial has left the counts."""
    found: dict[str, float] = {}
    completed = [trial for trial in study.current_trials() if trial.state == "completed"]
    for trial in completed[:_MAX_READ]:
        if found.keys() >= set(metrics):
            break
        found |= {each.metric: each.share_of_most for each in confusions_of(study, trial) if each.metric in metrics}
    return found


def constants_of(asked: Sequence[str]) -> dict[str, float]:
    """`METRIC=VALUE` each, as a mapping.

    Raises:
        StudyError: One has no number.
    """
    return dict(map(_constant, asked))


def _constant(text: str) -> tuple[str, float]:
    metric, _, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not metric or not math.isfinite(number):
        raise StudyError(f"--constant={text} has no number: METRIC=VALUE, such as test/digit_acc=0.1.")
    return metric, number
