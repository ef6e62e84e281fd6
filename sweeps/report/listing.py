"""Lists of studies, of their trials, and of what happened to a trial, as text for a terminal."""

from collections.abc import Iterable

from tabulate import tabulate

from sweeps.errors import StudyError
from sweeps.report.lines import describe, result
from sweeps.study.study import Study

_UNTOLD = "Nothing has happened to this trial yet, or it ran before studies kept events."


def studies_listing(studies: Iterable[Study]) -> str:
    """One line per study: how far it is."""
    rows = []
    for study in studies:
        counts = study.counts()
        objective = ", ".join(study.objectives)
        rows.append([study.name, sum(counts.values()), counts["done"], counts["running"], counts["open"], objective])
    return tabulate(rows, headers=["study", "trials", "done", "running", "open", "objective"])


def trials_listing(study: Study) -> str:
    """One line per trial: state, attempts, result or cause of failure."""
    rows = []
    for trial in study.trials():
        seconds = trial.outcome.duration_s if trial.outcome else None
        found = result(trial) or trial.worker or ""
        rows.append([trial.number, trial.state, trial.attempt, describe(trial.point), found, seconds])
    headers = ["trial", "state", "attempts", "point", "result", "seconds"]
    return tabulate(rows, headers=headers, floatfmt=".1f", disable_numparse=[4])


def story(study: Study, number: int) -> str:
    """What happened to a trial, and why, one line per event.

    Raises:
        StudyError: The study has no trial of that number.
    """
    numbers = [trial.number for trial in study.trials()]
    if number not in numbers:
        raise StudyError(f"--trial={number}: study {study.name!r} has trials 0 to {max(numbers, default=-1)}.")
    rows = [[event.time, event.attempt, event.what, event.why, event.worker] for event in study.events(number)]
    return tabulate(rows, headers=["time", "attempt", "event", "why", "worker"]) if rows else _UNTOLD
