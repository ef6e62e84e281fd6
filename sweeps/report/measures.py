"""Which trials an objective can compare: it may be a mean over more heads in one trial than in another."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sweeps.outcome import Completed
from sweeps.output import counted
from sweeps.study.records import TrialRow
from sweeps.study.study import Study

Parts = frozenset[str]
"""Names of the metrics that an objective is a mean of in a trial; empty where it is no mean."""


def comparable(study: Study, trials: Sequence[TrialRow]) -> list[TrialRow]:
    """The trials without those that have completed with objectives of other metrics than `most_told` of them."""
    parts = _parts(study)
    if not parts:
        return list(trials)
    of_each = [_of(trial, parts) for trial in trials]
    most = most_told([each for each in of_each if each is not None])
    return [trial for trial, each in zip(trials, of_each, strict=True) if each is None or each == most]


def told_among(study: Study, trials: Sequence[TrialRow]) -> Iterator[str]:
    """Which trials have been compared, in a few words; nothing where all have."""
    parts = _parts(study)
    of_each = [each for trial in trials if (each := _of(trial, parts)) is not None] if parts else []
    most = most_told(of_each)
    if len(set(of_each)) > 1:
        whose = ", ".join(name for name in study.objectives if name in study.metric_means)
        done = counted(len(of_each), "completed trial")
        yield f"{of_each.count(most)} of {done}, whose {whose} is a mean of {', '.join(sorted(most))}"


def most_told(parts: Sequence[Parts]) -> Parts:
    """The largest, of several the most frequent, and of those the first."""
    frequent = Counter(parts)
    return max(frequent, key=lambda each: (len(each), frequent[each]), default=frozenset())


def _parts(study: Study) -> Parts:
    means = study.metric_means if study.objectives else {}
    return frozenset(part for name in study.objectives for part in means.get(name, ()))


def _of(trial: TrialRow, parts: Parts) -> Parts | None:
    """Those that a trial has; None where it has not completed."""
    return parts.intersection(trial.outcome.metrics) if isinstance(trial.outcome, Completed) else None
