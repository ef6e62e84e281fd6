"""Which trials of a study, and which cells, no other one beats."""

import math
import statistics
from collections.abc import Sequence

from sweeps.outcome import Completed
from sweeps.study.records import TrialRow


def best_trials(trials: Sequence[TrialRow], directions: Sequence[str]) -> list[TrialRow]:
    """The completed trials that no other one beats, by values and then by number.

    With one objective these are the best and all that are exactly as good; with several the Pareto set.

    Args:
        trials: Trials of a study; those without a finite value per direction do not count.
        directions: `minimize` or `maximize` per objective.
    """
    found: list[tuple[tuple[float, ...], TrialRow]] = []
    costs = [(cost, trial) for trial in trials if (cost := _cost(trial, directions)) is not None]
    # In this order no later one beats an earlier one.
    for cost, trial in sorted(costs, key=lambda each: (each[0], each[1].number)):
        if not any(beats(other, cost) for other, _ in found):
            found.append((cost, trial))
    return [trial for _, trial in found]


def best_cells(trials: Sequence[TrialRow], directions: Sequence[str]) -> list[list[TrialRow]]:
    """The replicates of the cells whose means no other one beats, the best replicate first.

    With one objective it is one cell, with several they are the Pareto set. Empty where no cell has replicates. Only
    cells with as many results as any count: one lucky seed is not to beat the mean of three.

    Args:
        trials: Trials of a study.
        directions: `minimize` or `maximize` per objective.
    """
    cells = by_cell(trials, directions)
    most = max(map(len, cells), default=0)
    if most < 2:
        return []
    means = [(_means(cell), cell) for cell in cells if len(cell) == most]
    found: list[tuple[tuple[float, ...], list[TrialRow]]] = []
    for mean, cell in sorted(means, key=lambda each: each[0]):  # in this order no later one beats an earlier one
        if not any(beats(other, mean) for other, _ in found):
            found.append((mean, [trial for _, trial in sorted(cell, key=lambda each: (each[0], each[1].number))]))
    return [cell for _, cell in (found if directions[1:] else found[:1])]


def by_cell(trials: Sequence[TrialRow], directions: Sequence[str]) -> list[list[tuple[tuple[float, ...], TrialRow]]]:
    """The results of each cell, the smaller the better."""
    cells: dict[str, list[tuple[tuple[float, ...], TrialRow]]] = {}
    for trial in trials:
        if (cost := _cost(trial, directions)) is not None and trial.point:
            cells.setdefault(trial.point.cell_key, []).append((cost, trial))
    return list(cells.values())


def _means(cell: Sequence[tuple[tuple[float, ...], TrialRow]]) -> tuple[float, ...]:
    return tuple(statistics.fmean(values) for values in zip(*(cost for cost, _ in cell), strict=True))


def _cost(trial: TrialRow, directions: Sequence[str]) -> tuple[float, ...] | None:
    """The values turned so that less is better; None where there is no result, or no such one."""
    if not isinstance(trial.outcome, Completed) or trial.point is None:
        return None
    values = trial.outcome.values
    if not values or len(values) != len(directions) or not all(map(math.isfinite, values)):
        return None
    return tuple(-value if way == "maximize" else value for value, way in zip(values, directions, strict=True))


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether one is nowhere worse and somewhere better; less is better."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
