"""One tidy frame, a row a trial, from which every table and plot starts."""

from typing import Any

import pandas as pd

from sweeps.outcome import Completed, Failed
from sweeps.space import value_of
from sweeps.study.records import TrialRow
from sweeps.study.study import Study


def trial_frame(study: Study) -> pd.DataFrame:
    """All trials of a study.

    Columns: `trial`, `state`, `attempts`, `duration_s`, `cause`, one per override key, one per objective
    (`objective/NAME`), one per metric. The attribute `varied` lists the keys that the sweep varied.
    """
    trials = study.trials()
    objectives = study.facts.get("objective") or [f"value_{i}" for i, _ in enumerate(study.directions)]
    frame = pd.DataFrame([_row(trial, objectives) for trial in trials])
    frame.attrs["varied"] = _varied(trials)
    return frame


def _row(trial: TrialRow, objectives: list[str]) -> dict[str, Any]:
    outcome = trial.outcome
    row: dict[str, Any] = {
        "trial": trial.number,
        "state": trial.state,
        "attempts": trial.attempt,
        "duration_s": outcome.duration_s if outcome else None,
        "cause": outcome.cause if isinstance(outcome, Failed) else None,
    }
    if trial.point:
        row |= {key: value_of(key, value) for key, value in trial.point.overrides.items()}
    if isinstance(outcome, Completed):
        row |= {f"objective/{name}": value for name, value in zip(objectives, outcome.values, strict=True)}
        row |= {name: value for name, value in outcome.metrics.items() if name not in row}
    return row


def _varied(trials: list[TrialRow]) -> list[str]:
    """Keys that the sweeps varied, and those in which the points differ otherwise, in order of appearance."""
    keys: dict[str, None] = {}
    values: dict[str, set[str | None]] = {}
    with_points = [trial.point for trial in trials if trial.point]
    for point in with_points:
        keys.update(dict.fromkeys(point.varied))
        for key in point.overrides:
            values.setdefault(key, set())
    for key, seen in values.items():
        seen.update(point.overrides.get(key) for point in with_points)
        if len(seen) > 1:
            keys.setdefault(key)
    return list(keys)
