"""Lists of studies, of their trials, and of what happened to a trial, as text for a terminal."""

import sys
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from sweeps.errors import StudyError
from sweeps.output import counted, one_line, width_of
from sweeps.report.best import best_lines
from sweeps.report.lines import company, describe, result
from sweeps.study.study import Study

_LEAST = 20
"""Characters that are left of a cell on the narrowest terminal."""

_UNTOLD = "Nothing has happened to this trial yet, or it ran before studies kept events."


def trials_listing(study: Study) -> str:
    """One line per trial: state, attempts, result or cause of failure; below them the best, and why nothing starts."""
    rows = []
    trials = study.trials()
    has_earlier = not all(trial.is_current for trial in trials)
    for trial in trials:
        seconds = trial.outcome.duration_s if trial.outcome else None
        runs = f"{trial.worker} {company(trial)}".rstrip() if trial.state == "running" else ""
        found = result(trial) or runs
        which = ["today's" if trial.is_current else f"earlier ({trial.configuration})"] if has_earlier else []
        rows.append([trial.number, trial.state, trial.attempt, describe(trial.point), found, seconds, *which])
    headers = ["trial", "state", "attempts", "point", "result", "seconds", *(["configuration"] if has_earlier else [])]
    below = [*best_lines(study, study.current_trials()), *_halted(study)]
    return "\n".join([_fitted(rows, headers, [4, 3]), *([""] if below else []), *below])


def _halted(study: Study) -> list[str]:
    """Why nothing of a study is started that has points left."""
    now = study.look()
    if now.wanted == "run" or now.is_finished:
        return []
    word = "Paused:  " if now.wanted == "pause" else "Stopped: "
    return [f"{word}{now.why}, with {counted(now.open, 'point')} left"]


def story(study: Study, number: int) -> str:
    """What happened to a trial, and why, one line per event.

    Raises:
        StudyError: The study has no trial of that number.
    """
    numbers = [trial.number for trial in study.trials()]
    if number not in numbers:
        raise StudyError(f"--trial={number}: study {study.name!r} has trials 0 to {max(numbers, default=-1)}.")
    told = study.events(number)
    rows = [[event.time, event.attempt, event.what, one_line(event.why), event.worker] for event in told]
    return _fitted(rows, ["time", "attempt", "event", "why", "worker"], [3]) if rows else _UNTOLD


def _fitted(rows: list[list[Any]], headers: Sequence[str], texts: Sequence[int]) -> str:
    """The rows in columns; on a terminal, whose lines are shorter, the cells of these columns are cut."""
    width = width_of(sys.stdout)
    for column in texts:
        listed = _listed(rows, headers, texts)
        longest = max((len(row[column]) for row in rows), default=0)
        too_many = max(map(len, listed.splitlines())) - (width or sys.maxsize)
        if too_many > 0:
            limit = max(_LEAST, longest - too_many)
            rows = [[one_line(c, limit) if i == column else c for i, c in enumerate(row)] for row in rows]
    return _listed(rows, headers, texts)


def _listed(rows: list[list[Any]], headers: Sequence[str], texts: Sequence[int]) -> str:
    return tabulate(rows, headers=headers, floatfmt=".1f", disable_numparse=list(texts))
