"""How metrics went on while trials trained: out of their journals, a line per cell with a band over its seeds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.report.averages import interval
from sweeps.report.figures.bands import Series
from sweeps.trial import journal
from sweeps.trial.curves import Sample

_MAX_POINTS = 120
_NOT_CURVES = ("epoch", "lr", "system/")
_ORDER = ("val/", "test/", "train/")

Line = dict[float, float]
"""Step or epoch to value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A metric over the training.

    Attributes:
        metric: Its name.
        x_label: `epoch` where each sample has one, else `step`.
        series: A line per cell.
    """

    metric: str
    x_label: str
    series: tuple[Series, ...]


def courses(cells: Mapping[str, Sequence[Path]], objectives: Sequence[str]) -> list[Course]:
    """The courses of all metrics that have one, that of the objective first.

    Args:
        cells: Name of each cell to the journals of its trials; one that is not there is left out.
        objectives: Names of the objectives, which say what comes first.
    """
    runs = {name: [list(journal.samples(path)) for path in paths] for name, paths in cells.items()}
    of_all = [samples for some in runs.values() for samples in some]
    found: list[Course] = []
    for metric in sorted(_with_a_course(of_all), key=lambda name: _place(name, objectives)):
        by_epoch = all(_has_epochs(samples, metric) for samples in of_all)
        series = tuple(_series(name, [_line(run, metric, by_epoch) for run in some]) for name, some in runs.items())
        shown = tuple(one for one in series if one is not None)
        found.append(Course(metric=metric, x_label="epoch" if by_epoch else "step", series=shown))
    return found


def _with_a_course(runs: Iterable[Sequence[Sample]]) -> set[str]:
    names: set[str] = set()
    for samples in runs:
        steps: dict[str, set[int]] = defaultdict(set)
        for sample in samples:
            steps[sample.name].add(sample.step)
        names |= {name for name, found in steps.items() if len(found) > 1 and not name.startswith(_NOT_CURVES)}
    return names


def _place(name: str, objectives: Sequence[str]) -> tuple[int, int, str]:
    """Where a metric comes: the objective's own course, then validation before training."""
    is_of_objective = any(objective.startswith(name) for objective in objectives)
    split = next((i for i, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER))
    return (0 if is_of_objective else 1, split, name)


def _has_epochs(samples: Sequence[Sample], metric: str) -> bool:
    epochs = {sample.step for sample in samples if sample.name == "epoch"}
    return all(sample.step in epochs for sample in samples if sample.name == metric)


def _line(samples: Sequence[Sample], metric: str, by_epoch: bool) -> Line:
    epochs = {sample.step: sample.value for sample in samples if sample.name == "epoch"} if by_epoch else {}
    values = [sample for sample in samples if sample.name == metric and math.isfinite(sample.value)]
    return {epochs.get(sample.step, float(sample.step)): sample.value for sample in values}


def _series(name: str, lines: Sequence[Line]) -> Series | None:
    """Mean and band where enough seeds have a value; fewer than three are drawn by themselves."""
    lines = _thinned([line for line in lines if line])
    if not lines:
        return None
    xs = sorted({x for line in lines for x in line})
    at = {x: [line[x] for line in lines if x in line] for x in xs}
    fewest = min(3, len(lines))
    shown = [x for x in xs if len(at[x]) >= fewest] or xs
    means = [interval(at[x]) for x in shown]
    has_band = len(lines) > 2
    single = [] if has_band or len(lines) == 1 else [(sorted(line), [line[x] for x in sorted(line)]) for line in lines]
    return Series(
        name=name,
        x=shown,
        mean=[mean for mean, _, _ in means],
        low=[low for _, low, _ in means] if has_band else (),
        high=[high for _, _, high in means] if has_band else (),
        single=single,
    )


def _thinned(lines: Sequence[Line]) -> list[Line]:
    """The same lines, or means over equal stretches where there are more points than a picture shows."""
    xs = sorted({x for line in lines for x in line})
    if len(xs) <= _MAX_POINTS:
        return list(lines)
    low, width = xs[0], (xs[-1] - xs[0]) / _MAX_POINTS
    made: list[Line] = []
    for line in lines:
        stretches: dict[int, list[float]] = defaultdict(list)
        for x, value in line.items():
            stretches[min(int((x - low) / width), _MAX_POINTS - 1)].append(value)
        made.append({low + (i + 0.5) * width: math.fsum(some) / len(some) for i, some in sorted(stretches.items())})
    return made
