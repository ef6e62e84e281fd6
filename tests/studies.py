"""Studies that have run, in a file of their own and without a process."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeps.outcome import Completed, Outcome
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study

Result = tuple[Mapping[str, str], Outcome | None]
"""The overrides of a trial and how it ended; None: it has not run."""


def done(*values: float, duration_s: float = 1.0, metrics: Mapping[str, float] | None = None) -> Completed:
    return Completed(values=values, metrics=dict(metrics or {}), duration_s=duration_s)


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/studies.db"


def study_of(
    folder: Path,
    results: Sequence[Result],
    *,
    objectives: Sequence[str] = ("loss",),
    directions: Sequence[str] = ("minimize",),
    metric_directions: Mapping[str, str] | None = None,
    varied: Sequence[str] | None = None,
) -> Study:
    """A study `s` whose trials are the results in their order; what is not None must come before what is."""
    study = Study.create(Database(url(folder)), "s", list(directions), {"objective": list(objectives)})
    study.remember("metric_directions", dict(metric_directions or {}))
    study.add([Point(overrides=dict(o), varied=tuple(o if varied is None else varied)) for o, _ in results])
    for _, outcome in results:
        if outcome is not None:
            claim = study.claim("w", None)
            assert claim is not None and study.tell(claim, outcome)
    return study
