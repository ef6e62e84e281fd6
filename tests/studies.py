"""Studies that have run, in a file of their own and without a process."""

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa

from sweeps.outcome import Completed, Outcome, to_json
from sweeps.space import Point
from sweeps.study.draws import Drawn
from sweeps.study.schema import events, rows
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from sweeps.trial.ownership import own_study

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
    name: str = "s",
) -> Study:
    """A study whose trials are the results in their order; what is not None must come before what is."""
    study = Study.create(Database(url(folder)), name, list(directions), {"objective": list(objectives)})
    study.remember("metric_directions", dict(metric_directions or {}))
    study.add([Point(overrides=dict(o), varied=tuple(o if varied is None else varied)) for o, _ in results])
    for _, outcome in results:
        if outcome is not None:
            claim = study.claim("w", None)
            assert claim is not None and study.tell(claim, outcome)
    study.mirror()
    return study


class Given:
    """Draws these points, one after the other, in place of a sampler."""

    def __init__(self, *points: Point) -> None:
        self._points = iter(points)

    def draw(self, *asked: object) -> Drawn:
        return Drawn(points=(next(self._points),))


def run_in(
    folder: Path, name: str, objective: str = "acc", way: str = "maximize", uri: str = "", **axes: list[str]
) -> Study:
    """A grid that has run in FOLDER/studies, with the directories of its trials; its experiment is its first letter."""
    axes = axes or {"model": ["dense", "cnn"], "seed": ["0", "1"]}
    directory = folder / "studies" / name
    facts = {"objective": [objective], "directory": str(directory), "tracking": {"uri": uri, "experiment": name[:1]}}
    study = Study.create(Database(f"sqlite:///{folder}/studies/studies.db"), name, [way], facts)
    own_study(StudyFiles(directory), name, study.facts["key"])
    fixed = {} if "lr" in axes else {"lr": "0.1"}
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    study.add([Point(overrides={**fixed, **point}, varied=tuple(axes)) for point in points])
    while (claim := study.claim("w", None)) is not None:
        Journal(directory / "trials" / f"{claim.number:03d}").event("attempt", attempt=1)
        study.tell(claim, done(claim.number / 8, metrics={"test/acc": 0.5}))
    study.mirror()
    return study


WEIGHT_STUDY = Path(__file__).parent / "sweeps" / "weight-study-trials.csv"
"""A real study: two networks, nine weightings of three heads, three seeds, one epoch of MNIST."""


def weight_study(folder: Path, name: str = "weights") -> Study:
    """The study of `WEIGHT_STUDY`, whose weights are typed as one mapping."""
    rows = list(csv.DictReader(WEIGHT_STUDY.read_text().splitlines()))
    columns = list(rows[0])
    keys = columns[columns.index("data") : columns.index("seed") + 1]
    metrics = columns[columns.index("num_parameters") :]
    study = Study.create(Database(url(folder)), name, ["maximize"], {"objective": ["val/acc_best"]})
    ways = {name: "min" if name.endswith(("loss", "mae")) else "max" for name in metrics if "/" in name}
    study.remember("metric_directions", ways)
    points = [{key: _as_typed(row[key]) for key in keys} for row in rows]
    study.add([Point(overrides=point, varied=("model", "model.loss_weights", "seed")) for point in points])
    for row in rows:
        claim = study.claim("w", None)
        assert claim is not None
        value, found = float(row["objective/val/acc_best"]), {name: float(row[name]) for name in metrics}
        study.tell(claim, Completed(values=(value,), metrics=found, duration_s=float(row["duration_s"])))
    return study


def _as_typed(cell: str) -> str:
    return cell.replace("'", "").replace(" ", "")


def ended_at_once(study: Study, points: Sequence[Point], outcomes: Sequence[Outcome], worker: str = "h:m:1:x") -> None:
    """Thousands of trials that have run, a second each on two slots of one worker, without a claim for each."""
    study.add(points)
    key = study.facts["key"]
    done = [{"place": i, "text": to_json(outcome), "cost": outcome.duration_s} for i, outcome in enumerate(outcomes)]
    told = [
        {
            "study_key": key,
            "number": i,
            "attempt": 1,
            "worker": worker,
            "machine": "h",
            "at": at,
            "what": what,
            "why": "",
        }
        for i in range(len(points))
        for at, what in ((i // 2, "claimed"), (i // 2 + 1, "finished"))
    ]

    def write(connection: sa.Connection) -> None:
        where = (rows.c.study_key == key, rows.c.number == sa.bindparam("place"))
        values = {"state": "done", "attempt": 1, "outcome": sa.bindparam("text"), "mirrored": 1}
        connection.execute(sa.update(rows).where(*where).values(spent_s=sa.bindparam("cost"), **values), done)
        connection.execute(sa.insert(events), sorted(told, key=lambda event: event["at"]))

    study.database.write(write)
