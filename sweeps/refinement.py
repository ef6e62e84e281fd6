"""Points that the generator of `study.points` adds once it has seen results: `study.refine=N`.

A study keeps what it has been given, so the same line again finds the same points, whatever has been learned since.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sweeps.errors import StudyError
from sweeps.outcome import Completed
from sweeps.plan import Plan
from sweeps.points import Given
from sweeps.space import Linked
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.values import value_of

_FACT = "refined"


def refined(plan: Plan, study: Study | None) -> Plan:
    """The plan with the points that `study.refine` asks for: those that the study keeps, then new ones.

    Args:
        plan: What the command line asks for.
        study: The study, where there is one.

    Raises:
        StudyError: Nobody can give more points, or there are no results to learn from.
    """
    num, given = plan.settings.refine, plan.given
    if num is None:
        return plan
    if given is None or given.refine is None:
        raise StudyError(f"study.refine={num}: study.points names no generator that gives more points.")
    kept = _kept(study)
    if len(kept) < num:
        kept += _more(given, plan, study, num - len(kept))
    return plan.with_more(kept[:num])


def keep(plan: Plan, study: Study) -> None:
    """Let the study keep the refined points of a plan.

    Raises:
        StudyError: Another command has refined it meanwhile.
    """
    if plan.settings.refine is None or plan.given is None:
        return
    with study.database.lock("refined"):
        ours, kept = plan.refined, _kept(Study(study.database, study.name))
        if kept[: len(ours)] != list(ours[: len(kept)]):
            raise StudyError(f"Another command has refined study {study.name!r} meanwhile. Type the line again.")
        if len(ours) > len(kept):
            study.remember(_FACT, [asdict(one) for one in ours])


def _kept(study: Study | None) -> list[Linked]:
    return [Linked(**one) for one in (study.facts.get(_FACT) if study else None) or ()]


def _more(given: Given, plan: Plan, study: Study | None, num: int) -> list[Linked]:
    """New points of the generator.

    Raises:
        StudyError: It has no results to learn from, or gives fewer.
    """
    keys = {key for one in given.linked for key in one.overrides}
    results = _results(study, keys, plan.settings.seed_key) if study else []
    if study is None or not results:
        raise StudyError(f"study.refine={num}: study {plan.name!r} has no results yet. Run it without refine first.")
    directions = {"maximize": "max", "minimize": "min"}
    aims = {name: directions[way] for name, way in zip(study.value_names, study.directions, strict=True)}
    made = list(given.more(results, {**study.metric_directions, **aims}, num))
    if len(made) < num:
        raise StudyError(f"study.refine={num}: the generator of study.points gives {len(made)} more points only.")
    return made[:num]


def _results(study: Study, keys: set[str], seed_key: str) -> list[dict[str, Any]]:
    """A mapping per cell that has completed: what was given, what else varies, its role and its mean metrics."""
    cells: dict[str, list[TrialRow]] = {}
    for trial in study.current_trials():
        if trial.point is not None and isinstance(trial.outcome, Completed):
            cells.setdefault(trial.point.cell_key, []).append(trial)
    results = []
    for cell in cells.values():
        point = cell[0].point
        assert point is not None
        values = {key: value_of(key, text) for key, text in point.overrides.items() if key in (*keys, *point.varied)}
        results.append(
            {
                "point": {key: value for key, value in values.items() if key in keys},
                "others": {key: values[key] for key in point.axes(seed_key) if key not in keys},
                "role": point.role,
                "metrics": _means(cell, study.value_names),
            }
        )
    return results


def _means(cell: Sequence[TrialRow], names: Sequence[str]) -> Mapping[str, float]:
    """Of the metrics that all have recorded, and of the objectives as they were returned."""
    done = [trial.outcome for trial in cell if isinstance(trial.outcome, Completed)]
    found = [{**outcome.metrics, **dict(zip(names, outcome.values, strict=False))} for outcome in done]
    return {name: statistics.fmean(each[name] for each in found) for name in found[0] if all(name in e for e in found)}
