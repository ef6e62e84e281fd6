"""How good the points of a study are, and when the last better one ended."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.outcome import Completed
from sweeps.study.records import TrialRow

Values = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The points of a study that have ended whole.

    Attributes:
        best: Values that no point beats, one tuple per such point; as they were measured.
        last: Numbers of the trials of the last point that was better than all before it.
        num_since: Points that have ended since that one.
    """

    best: tuple[Values, ...] = ()
    last: frozenset[int] = frozenset()
    num_since: int = 0

    def reaches(self, target: Sequence[float], directions: Sequence[str]) -> Values | None:
        """The values of a point that is as good as the target in each objective; None where there is none."""
        aimed = costs(target, directions)
        found = (values for values in self.best if _is_as_good(costs(values, directions), aimed))
        return next(found, None)


def standing(trials: Mapping[int, TrialRow], ended: Mapping[int, int], directions: Sequence[str]) -> Standing:
    """Look at each point in the order in which they ended.

    A point with replicates counts once each of them has ended, with the mean of their values: one lucky seed is no
    result. A point without a result counts as one that is not better.

    Args:
        trials: Number to trial; those of an earlier configuration do not count.
        ended: Number of a trial that has ended to its place in the order of endings.
        directions: `minimize` or `maximize` per objective.
    """
    points: dict[str, list[TrialRow]] = defaultdict(list)
    for trial in trials.values():
        if trial.is_current and trial.point is not None and trial.state != "skipped":
            points[trial.point.cell_key].append(trial)
    whole = [point for point in points.values() if all(trial.number in ended for trial in point)]
    best: list[Values] = []
    last: frozenset[int] = frozenset()
    num_since = 0
    for point in sorted(whole, key=lambda point: max(ended[trial.number] for trial in point)):
        mean = _mean(point, len(directions))
        num_since += 1
        if mean is None or any(_is_as_good(costs(other, directions), costs(mean, directions)) for other in best):
            continue
        best = [other for other in best if not _is_as_good(costs(mean, directions), costs(other, directions))]
        best.append(mean)
        last, num_since = frozenset(trial.number for trial in point), 0
    return Standing(best=tuple(best), last=last, num_since=num_since)


def costs(values: Sequence[float], directions: Sequence[str]) -> Values:
    """The values turned so that less is better."""
    return tuple(-value if way == "maximize" else value for value, way in zip(values, directions, strict=True))


def _mean(point: Sequence[TrialRow], num_values: int) -> Values | None:
    """The mean of each value over the replicates that have a result; None where none has."""
    found = [trial.outcome.values for trial in point if isinstance(trial.outcome, Completed)]
    found = [values for values in found if len(values) == num_values and all(map(math.isfinite, values))]
    return tuple(statistics.fmean(each) for each in zip(*found, strict=True)) if found else None


def _is_as_good(one: Values, other: Values) -> bool:
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
