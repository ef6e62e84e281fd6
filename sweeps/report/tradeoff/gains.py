"""What trials gain on each task over networks that were trained for that task alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from sweeps.report.averages import is_number
from sweeps.report.statistics.tasks import delta_m
from sweeps.report.tradeoff.tasks import Task

if TYPE_CHECKING:
    from sweeps.report.frame import Trials

MEAN, GAIN = "mean", "Δm %"
Others = tuple[str, ...]
"""What a cell is beside its weights: only networks that agree in it are compared."""
Bases = Mapping[Others, Mapping[str, float]]
"""Per group the task's metric of the networks that were trained for it alone, their mean over the seeds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gains:
    """Trials with their gains.

    Attributes:
        trials: The trials, in which a task of weight 0 has no metrics, and objectives only where all tasks are trained;
            `mean` and `Δm %` are among the metrics.
        tasks: The tasks.
        keys: What tells groups apart.
        bases: What single-task networks reach.
    """

    trials: "Trials"
    tasks: tuple[Task, ...]
    keys: tuple[str, ...]
    bases: Bases

    @property
    def has_mean(self) -> bool:
        return MEAN in self.trials.metrics

    @property
    def has_gain(self) -> bool:
        return GAIN in self.trials.metrics

    def others(self, row: Mapping[Any, Any]) -> Others:
        """The group of a trial or of a cell, by its overrides."""
        return tuple(str(row[key]) for key in self.keys)

    def told(self, others: Others) -> str:
        """The group in a few words; empty where there is one."""
        return " ".join(f"{key.lstrip('+')}={value}" for key, value in zip(self.keys, others, strict=True))


def gains_of(trials: "Trials", tasks: Sequence[Task]) -> Gains:
    """The gains of all trials: Δm is of a trial, so that its spread is that of the seeds."""
    import pandas as pd

    trained = [_trained(row, tasks) for row in trials.overrides.to_dict("records")]
    metrics = trials.metrics.copy()
    for task in tasks:
        own = [name for name in metrics if f"/{name}".rpartition("/")[2].startswith(f"{task.name}_")]
        metrics.loc[[task.name not in names for names in trained], own] = math.nan
    # What a trial of fewer tasks returns is of those alone, and chooses nothing among the others.
    is_whole = [len(names) == len(tasks) for names in trained]
    objectives = trials.objectives.where(pd.Series(is_whole, index=metrics.index), axis=0)
    masked = replace(trials, metrics=metrics, objectives=objectives)
    keys = _group_keys(masked, tasks, trained)
    found = Gains(trials=masked, tasks=tuple(tasks), keys=keys, bases=_bases(masked, tasks, trained, keys))
    added = {MEAN: _means(found, trained), GAIN: [_gain(found, i, names) for i, names in enumerate(trained)]}
    kept = {name: values for name, values in added.items() if any(map(math.isfinite, values))}
    more = pd.DataFrame(kept, index=metrics.index, dtype=float)
    kinds = {masked.directions.get(task.metric) for task in tasks}
    ways = {**masked.directions, GAIN: "max", **({MEAN: kinds.pop() or ""} if len(kinds) == 1 else {})}
    return replace(
        found,
        trials=replace(
            masked,
            metrics=pd.concat([metrics.drop(columns=list(kept), errors="ignore"), more], axis=1),
            directions=ways,
        ),
    )


def _trained(row: Mapping[Any, Any], tasks: Sequence[Task]) -> frozenset[str]:
    """Names of the tasks whose weight is not 0; one that nobody has set is not."""
    return frozenset(task.name for task in tasks if task.weight is None or row[task.weight] != 0)


def _group_keys(trials: "Trials", tasks: Sequence[Task], trained: Sequence[frozenset[str]]) -> tuple[str, ...]:
    """Keys that vary beside the weights, among trials of the role that single-task networks have.

    A key that other roles bring along, such as the choice of a method, has no baseline of its own.
    """
    weights = {task.weight for task in tasks}
    keys = [key for key in trials.varied if key not in weights]
    if "role" not in trials.own:
        return tuple(keys)
    roles = trials.own["role"].tolist()
    alone = {role for role, names in zip(roles, trained, strict=True) if len(names) == 1}
    of_role = trials.overrides[[role in alone for role in roles]] if alone else trials.overrides
    return tuple(key for key in keys if len(set(map(str, of_role[key]))) > 1)


def _bases(
    trials: "Trials", tasks: Sequence[Task], trained: Sequence[frozenset[str]], keys: Sequence[str]
) -> dict[Others, dict[str, float]]:
    values: dict[Others, dict[str, list[float]]] = {}
    metrics, rows = trials.metrics.to_dict("records"), trials.overrides.to_dict("records")
    for names, row, found in zip(trained, rows, metrics, strict=True):
        for task in tasks:
            if names == {task.name} and is_number(found[task.metric]):
                group = values.setdefault(tuple(str(row[key]) for key in keys), {})
                group.setdefault(task.name, []).append(found[task.metric])
    return {others: {name: fmean(some) for name, some in group.items()} for others, group in values.items()}


def _means(gains: Gains, trained: Sequence[frozenset[str]]) -> list[float]:
    """Plain mean over the tasks, of trials that train all of them, where one thing is measured of all."""
    if len({task.measure for task in gains.tasks}) > 1 or len(gains.tasks) < 2:
        return [math.nan] * len(trained)
    values = gains.trials.metrics[[task.metric for task in gains.tasks]].to_numpy(dtype=float)
    return [float(row.mean()) for row in values]


def _gain(gains: Gains, i: int, names: frozenset[str]) -> float:
    others = gains.others(gains.trials.overrides.iloc[i].to_dict())
    base = gains.bases.get(others, {})
    metrics = gains.trials.metrics.iloc[i]
    if len(names) < max(2, len(gains.tasks)):
        return math.nan
    return gain({task.name: metrics[task.metric] for task in gains.tasks}, base, gains)


def gain(measured: Mapping[str, float], base: Mapping[str, float], gains: Gains) -> float:
    """Δm in percent; NaN where something is not known, or a base is not positive.

    Args:
        measured: Name of a task to its value.
        base: The same of the single-task networks.
        gains: Says which direction is better.
    """
    ways = {task.name: gains.trials.directions.get(task.metric, "") for task in gains.tasks}
    is_known = all(is_number(value) and base.get(name, 0.0) > 0 and ways[name] for name, value in measured.items())
    return delta_m(measured, base, ways) if is_known else math.nan
