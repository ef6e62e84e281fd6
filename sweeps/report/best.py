"""The best trial of a study, or the Pareto set of several objectives, and how to repeat it."""

import contextlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sweeps.errors import StudyError
from sweeps.outcome import Completed
from sweeps.output import counted
from sweeps.redact import tree
from sweeps.report.lines import describe
from sweeps.report.measures import comparable, told_among
from sweeps.report.typed import repeated
from sweeps.space import REPLICATE_KEY
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial.checkpoints import SUFFIXES, newest
from sweeps.trial.files import StudyFiles, write_text
from sweeps.trial.plain import plain
from sweeps.values import value_of

_MAX_SHOWN, _MAX_ALIKE = 5, 10


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
        if not any(_beats(other, cost) for other, _ in found):
            found.append((cost, trial))
    return [trial for _, trial in found]


def best_cell(trials: Sequence[TrialRow], directions: Sequence[str]) -> list[TrialRow]:
    """The replicates of the cell with the best mean, the best one first; empty where no cell has replicates.

    Only cells with as many results as any count: one lucky seed is not to beat the mean of three.

    Args:
        trials: Trials of a study; points that a sampler drew have no replicates.
        directions: `minimize` or `maximize` per objective; with several there is no one order of means.
    """
    cells = _by_cell(trials, directions)
    most = max(map(len, cells), default=0)
    if most < 2:
        return []
    whole = [cell for cell in cells if len(cell) == most]
    best = min(whole, key=lambda cell: statistics.fmean(cost for cost, _ in cell))
    return [trial for _, trial in sorted(best, key=lambda each: (each[0], each[1].number))]


def _by_cell(trials: Sequence[TrialRow], directions: Sequence[str]) -> list[list[tuple[float, TrialRow]]]:
    """The results of each cell of a grid, the smaller the better."""
    cells: dict[str, list[tuple[float, TrialRow]]] = {}
    for trial in trials:
        if not trial.is_drawn and len(directions) == 1 and (cost := _cost(trial, directions)) and trial.point:
            cells.setdefault(trial.point.cell_key, []).append((cost[0], trial))
    return list(cells.values())


def _compared(study: Study, trials: Sequence[TrialRow]) -> list[str]:
    """Which of the trials `best_cell` has compared, where these are not all."""
    sizes = [len(cell) for cell in _by_cell(comparable(study, trials), study.directions)]
    most = max(sizes, default=0)
    is_cut = most > 1 and min(sizes) < most
    told = [f"{sizes.count(most)} of {counted(len(sizes), 'cell')}, those with results of {most} seeds"] * is_cut
    return [*told_among(study, trials), *told]


def winners(study: Study, trials: Sequence[TrialRow]) -> list[TrialRow]:
    """The replicates of the best cell, the best one first; without replicates the best trial.

    Empty where there are several objectives, or no trial has a value.
    """
    if len(study.directions) != 1:
        return []
    trials = comparable(study, trials)
    return best_cell(trials, study.directions) or best_trials(trials, study.directions)[:1]


def best_lines(study: Study, trials: Sequence[TrialRow]) -> list[str]:
    """The best trial with the command that repeats it, or the Pareto set; empty where no trial has a value."""
    among = [f"         compared: {told}" for told in _compared(study, trials)]
    trials = comparable(study, trials)
    if cell := best_cell(trials, study.directions):
        return [
            f"Best:    {_cell_text(study, cell)}: {_mean(study, cell)} over {len(cell)} seeds ({study.directions[0]})",
            f"         its best is {_line(study, cell[0])}",
            *among,
        ]
    best = best_trials(trials, study.directions)
    if not best:
        return []
    if len(study.directions) == 1:
        numbers = [str(trial.number) for trial in best[1:]]
        more = ", ..." if numbers[_MAX_ALIKE:] else ""
        alike = [f"         as good: trial {', '.join(numbers[:_MAX_ALIKE])}{more}"] if numbers else []
        return [f"Best:    {_line(study, best[0])}", *alike, *among]
    aims = ", ".join(f"{name} ({way})" for name, way in _aims(study).items())
    left = [f"         ... and {len(best) - _MAX_SHOWN} more, in best.yaml"] if len(best) > _MAX_SHOWN else []
    shown = [f"         {_line(study, trial)}" for trial in best[:_MAX_SHOWN]]
    return [f"Pareto:  {len(best)} of {counted(len(trials), 'trial')}, by {aims}", *shown, *left, *among]


def told_best(study: Study) -> list[str]:
    """What `sweeps best` prints: the best trial, or each of the Pareto set, with all that finds it again.

    Raises:
        StudyError: No trial has a value.
    """
    all_trials = study.current_trials()
    trials = comparable(study, all_trials)
    cell = best_cell(trials, study.directions)
    best = cell[:1] or best_trials(trials, study.directions)
    if not best:
        raise StudyError(f"Study {study.name!r} has no trial yet with a value.")
    lines = (
        [f"Best of {study.name}: {_cell_text(study, cell)}, {_mean(study, cell)} over {len(cell)} seeds"]
        if cell
        else []
    )
    directory = study.facts.get("directory")
    for trial in best if study.directions[1:] else best[:1]:
        point = trial.point
        values = ", ".join(f"{name}={value:.6g}" for name, value in _values(study, trial).items())
        told = {"trial": f"{trial.number}, {describe(point)}", "values": f"{values} ({', '.join(study.directions)})"}
        told["again"] = repeated(study, point) if point else ""
        told["directory"] = str(StudyFiles(Path(directory)).trial(trial.number).directory) if directory else ""
        told["checkpoint"] = str(checkpoint_of(Path(told["directory"])) or "none on this machine")
        lines += [f"{f'{name}:':<11} {text}" for name, text in told.items() if text]
    return [*lines, *(f"{'compared:':<11} {text}" for text in _compared(study, all_trials))]


def checkpoint_of(directory: Path) -> Path | None:
    """The checkpoint that is called the best, else the newest whole one; None where this machine has none."""
    named = sorted(path for path in directory.rglob("best*") if path.suffix in SUFFIXES and path.is_file())
    return named[0] if named else newest(directory, math.inf)


def keep_best(study: Study, files: StudyFiles) -> None:
    """Write `best.yaml`: the best trial, or the Pareto set. A disk that refuses it ends nothing."""
    all_trials = study.current_trials()
    trials = comparable(study, all_trials)
    cell = best_cell(trials, study.directions)
    best = cell[:1] or best_trials(trials, study.directions)
    if best:
        alike = [trial.number for trial in best[1:]] if len(study.directions) == 1 else []
        told: dict[str, Any] = {"study": study.name, "objectives": _aims(study)}
        told["best"] = [record(study, trial, files) for trial in (best[:1] if alike else best)]
        if among := _compared(study, all_trials):
            told["compared"] = among[0]
        if alike:
            told["as_good"] = alike
        if cell:
            told["mean_over_seeds"] = {"trials": [trial.number for trial in cell], "values": _means(study, cell)}
        with contextlib.suppress(OSError):
            write_text(files.best, yaml.safe_dump(tree(told), sort_keys=False, allow_unicode=True, width=math.inf))


def record(study: Study, trial: TrialRow, files: StudyFiles) -> dict[str, Any]:
    """A trial with its values, and all that finds and repeats it."""
    assert trial.point is not None
    leaves = trial.point.leaves
    return {
        "trial": trial.number,
        "values": _values(study, trial),
        "params": {key.lstrip("+"): plain(value_of(key, leaves.overrides[key])) for key in leaves.varied},
        "overrides": trial.point.as_arguments(),
        "command": repeated(study, trial.point),
        "directory": str(files.trial(trial.number).directory),
    }


def _line(study: Study, trial: TrialRow) -> str:
    assert trial.point is not None
    values = ", ".join(f"{name}={value:.6g}" for name, value in _values(study, trial).items())
    way = f" ({study.directions[0]})" if len(study.directions) == 1 else ""
    return f"trial {trial.number}, {values}{way}: {repeated(study, trial.point) or describe(trial.point)}"


def _cell_text(study: Study, cell: Sequence[TrialRow]) -> str:
    """What the cell varies: its keys without the seed; the seeds' own key where nothing else varies."""
    point = cell[0].point
    assert point is not None
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    varied = point.axes(seed_key)
    return describe(replace(point, varied=varied)) if varied else "the only cell"


def _mean(study: Study, cell: Sequence[TrialRow]) -> str:
    return ", ".join(f"{name}={value:.6g}" for name, value in _means(study, cell).items())


def _means(study: Study, cell: Sequence[TrialRow]) -> dict[str, float]:
    values = [_values(study, trial) for trial in cell]
    return {name: statistics.fmean(each[name] for each in values) for name in values[0]}


def _values(study: Study, trial: TrialRow) -> dict[str, float]:
    assert isinstance(trial.outcome, Completed)
    return dict(zip(study.value_names, trial.outcome.values, strict=True))


def _aims(study: Study) -> dict[str, str]:
    return dict(zip(study.value_names, study.directions, strict=True))


def _cost(trial: TrialRow, directions: Sequence[str]) -> tuple[float, ...] | None:
    """The values turned so that less is better; None where there is no result, or no such one."""
    if not isinstance(trial.outcome, Completed) or trial.point is None:
        return None
    values = trial.outcome.values
    if not values or len(values) != len(directions) or not all(map(math.isfinite, values)):
        return None
    return tuple(-value if way == "maximize" else value for value, way in zip(values, directions, strict=True))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
