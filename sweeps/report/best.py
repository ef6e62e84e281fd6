"""The best trial of a study, or the Pareto set of several objectives, and how to repeat it."""

import contextlib
import math
import statistics
from collections import Counter
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
from sweeps.report.origins import kinds_of, programs
from sweeps.report.ranking import best_cells, best_trials, by_cell
from sweeps.report.typed import repeated
from sweeps.space import REPLICATE_KEY
from sweeps.study.codes import Codes
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial.checkpoints import SUFFIXES, newest
from sweeps.trial.files import StudyFiles, write_text
from sweeps.trial.plain import plain
from sweeps.values import value_of

_MAX_SHOWN, _MAX_ALIKE = 5, 10


def _compared(study: Study, trials: Sequence[TrialRow]) -> list[str]:
    """Which of the trials `best_cells` has compared, where these are not all."""
    sizes = [len(cell) for cell in by_cell(comparable(study, trials), study.directions)]
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
    return next(iter(best_cells(trials, study.directions)), []) or best_trials(trials, study.directions)[:1]


def leaders(study: Study, trials: Sequence[TrialRow]) -> list[TrialRow]:
    """The best trial, or the Pareto set; of cells with replicates the best one of each."""
    trials = comparable(study, trials)
    found = [cell[0] for cell in best_cells(trials, study.directions)] or best_trials(trials, study.directions)
    return found if study.directions[1:] else found[:1]


def best_lines(study: Study, trials: Sequence[TrialRow]) -> list[str]:
    """The best trial with the command that repeats it, or the Pareto set; empty where no trial has a value."""
    among = [f"         compared: {told}" for told in _compared(study, trials)]
    trials = comparable(study, trials)
    if cells := best_cells(trials, study.directions):
        return [*(_front_lines(study, cells) if study.directions[1:] else _cell_lines(study, cells[0])), *among]
    best = best_trials(trials, study.directions)
    if not best:
        return []
    if len(study.directions) == 1:
        numbers = [str(trial.number) for trial in best[1:]]
        more = ", ..." if numbers[_MAX_ALIKE:] else ""
        alike = [f"         as good: trial {', '.join(numbers[:_MAX_ALIKE])}{more}"] if numbers else []
        return [f"Best:    {_line(study, best[0])}", *alike, *among]
    shown = _shown([_line(study, trial) for trial in best])
    return [f"Pareto:  {len(best)} of {counted(len(trials), 'trial')}, by {_told_aims(study)}", *shown, *among]


def _cell_lines(study: Study, cell: Sequence[TrialRow]) -> list[str]:
    told = f"{_cell_text(study, cell)}: {_mean(study, cell)} over {len(cell)} seeds ({study.directions[0]})"
    return [f"Best:    {told}", f"         its best is {_line(study, cell[0])}"]


def _front_lines(study: Study, cells: Sequence[Sequence[TrialRow]]) -> list[str]:
    num_seeds, told = len(cells[0]), counted(len(cells), "point")
    shown = [f"{_cell_text(study, cell)}: {_mean(study, cell)} (trial {cell[0].number}, ...)" for cell in cells]
    return [f"Pareto:  {told}, by the means over {num_seeds} seeds of {_told_aims(study)}", *_shown(shown)]


def _shown(lines: Sequence[str]) -> list[str]:
    left = [f"... and {len(lines) - _MAX_SHOWN} more, in best.yaml"] if len(lines) > _MAX_SHOWN else []
    return [f"         {line}" for line in (*lines[:_MAX_SHOWN], *left)]


def told_best(study: Study) -> list[str]:
    """What `sweeps best` prints: the best trial, or each of the Pareto set, with all that finds it again.

    Raises:
        StudyError: No trial has a value.
    """
    all_trials = study.current_trials()
    trials = comparable(study, all_trials)
    cells = best_cells(trials, study.directions)
    best = [cell[0] for cell in cells] or best_trials(trials, study.directions)
    if not best:
        raise StudyError(without_value(study, all_trials))
    what = "In the Pareto set" if study.directions[1:] else "Best"
    lines = [
        f"{what} of {study.name}: {_cell_text(study, cell)}, {_mean(study, cell)} over {len(cell)} seeds"
        for cell in cells
    ]
    directory = study.facts.get("directory")
    for trial in best if study.directions[1:] else best[:1]:
        point = trial.point
        values = ", ".join(f"{name}={value:.6g}" for name, value in _values(study, trial).items())
        told = {"trial": f"{trial.number}, {describe(point)}", "values": f"{values} ({', '.join(study.directions)})"}
        told["again"] = repeated(study, point) if point else ""
        codes = Codes.of([(study.facts, all_trials)])
        told["code"] = ", ".join(filter(None, (programs(kinds_of(study, [trial], codes), None), codes.of_trial(trial))))
        told["directory"] = str(StudyFiles(Path(directory)).trial(trial.number).directory) if directory else ""
        told["checkpoint"] = str(checkpoint_of(Path(told["directory"])) or "none on this machine")
        lines += [f"{f'{name}:':<11} {text}" for name, text in told.items() if text]
    return [*lines, *(f"{'compared:':<11} {text}" for text in _compared(study, all_trials))]


def without_value(study: Study, trials: Sequence[TrialRow]) -> str:
    """Why a study has no best trial.

    Args:
        study: The study.
        trials: Those of its configuration of today.
    """
    counts = Counter(trial.state for trial in trials if trial.outcome is not None)
    if not trials or len(trials) > counts.total():
        return f"Study {study.name!r} has no trial yet with a value."
    if len(counts) == 1 and len(trials) > 1:
        what = next(iter(counts))
        has = {"pruned": "were pruned", "failed": "have failed", "skipped": "were skipped"}.get(what, f"are {what}")
        return f"All {len(trials)} trials of study {study.name!r} {has}: none has a value."
    told = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
    return f"No trial of study {study.name!r} has a value: {told}."


def checkpoint_of(directory: Path) -> Path | None:
    """The checkpoint that is called the best, else the newest whole one; None where this machine has none."""
    named = sorted(path for path in directory.rglob("best*") if path.suffix in SUFFIXES and path.is_file())
    return named[0] if named else newest(directory, math.inf)


def keep_best(study: Study, files: StudyFiles) -> None:
    """Write `best.yaml`: the best trial, or the Pareto set. A disk that refuses it ends nothing."""
    all_trials = study.current_trials()
    trials = comparable(study, all_trials)
    cells = best_cells(trials, study.directions)
    best = [cell[0] for cell in cells] or best_trials(trials, study.directions)
    if best:
        alike = [trial.number for trial in best[1:]] if len(study.directions) == 1 else []
        told: dict[str, Any] = {"study": study.name, "objectives": _aims(study)}
        codes = Codes.of([(study.facts, all_trials)])
        told["best"] = [record(study, trial, files, codes) for trial in (best[:1] if alike else best)]
        if among := _compared(study, all_trials):
            told["compared"] = among[0]
        if alike:
            told["as_good"] = alike
        means = [{"trials": [one.number for one in cell], "values": _means(study, cell)} for cell in cells]
        if means:
            told["mean_over_seeds"] = means if study.directions[1:] else means[0]
        with contextlib.suppress(OSError):
            write_text(files.best, yaml.safe_dump(tree(told), sort_keys=False, allow_unicode=True, width=math.inf))


def record(study: Study, trial: TrialRow, files: StudyFiles, codes: Codes | None = None) -> dict[str, Any]:
    """A trial with its values, and all that finds and repeats it."""
    assert trial.point is not None
    leaves = trial.point.leaves
    return {
        "trial": trial.number,
        "values": _values(study, trial),
        "params": {key.lstrip("+"): plain(value_of(key, leaves.overrides[key])) for key in leaves.varied},
        "overrides": trial.point.as_arguments(),
        "command": repeated(study, trial.point),
        **({"code": code} if codes and (code := codes.of_trial(trial)) else {}),
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


def _told_aims(study: Study) -> str:
    return ", ".join(f"{name} ({way})" for name, way in _aims(study).items())


def _aims(study: Study) -> dict[str, str]:
    return dict(zip(study.value_names, study.directions, strict=True))
