"""Trials that nobody reads while they run: Optuna's tables get them once they have ended, many in one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sweeps import outcome as outcomes
from sweeps.space import Point
from sweeps.study.axes import Axes
from sweeps.study.optuna_rows import EndedTrial, add_trials
from sweeps.study.optuna_trials import final, template
from sweeps.study.records import point_of
from sweeps.study.schema import events, rows
from sweeps.study.storage import Database

_MAX_TRIALS = 200
"""Trials of one transaction; other writers of a SQLite file wait for it."""


class Backlog:
    """The rows of a study that have ended and are no trials of Optuna's yet.

    Args:
        database: Where the study is kept.
        study_key: The study's own key.
        study_id: Optuna's number of it.
    """

    def __init__(self, database: Database, study_key: str, study_id: int) -> None:
        self._db, self._study_key, self._study_id = database, study_key, study_id
        self._reports: dict[int, dict[int, float]] = {}

    def report(self, row_id: int, step: int, value: float) -> None:
        """Keep an intermediate value until its trial is made; of a step that is repeated the first value."""
        self._reports.setdefault(row_id, {}).setdefault(step, value)

    def write(self, axes_with: Callable[[Iterable[Point]], Axes]) -> int:
        """Make the next trials; returns how many there were.

        Args:
            axes_with: The axes that know the values of these points.
        """
        waiting = self._read(sa.select(rows).where(*self._waiting()).order_by(rows.c.number).limit(_MAX_TRIALS))
        if not waiting:
            return 0
        axes = axes_with(point for row in waiting if (point := point_of(row)) is not None)
        times = self._times([row.number for row in waiting])
        taken = self._db.write(lambda connection: self._add(connection, [row.id for row in waiting], axes, times))
        for row_id in taken:
            self._reports.pop(row_id, None)
        return len(taken)

    def _waiting(self) -> tuple[sa.ColumnElement[bool], ...]:
        is_ended = rows.c.study_key == self._study_key, rows.c.state == "done"
        return (*is_ended, rows.c.mirrored == 0, rows.c.trial_id.is_(None))

    def _add(
        self, connection: sa.Connection, ids: Sequence[int], axes: Axes, times: Mapping[tuple[int, str], float]
    ) -> list[int]:
        """Take the rows that are still waiting, so that no other worker makes their trials too, and make them."""
        take = sa.update(rows).where(rows.c.id.in_(ids), *self._waiting()).values(mirrored=1).returning(rows)
        taken = sorted(connection.execute(take).all(), key=lambda row: row.number)
        if not taken:
            return []
        made = add_trials(connection, self._study_id, [self._ended(row, axes, times) for row in taken])
        pairs = [{"row": row.id, "trial": trial_id} for row, trial_id in zip(taken, made, strict=True)]
        is_row = rows.c.id == sa.bindparam("row")
        connection.execute(sa.update(rows).where(is_row).values(trial_id=sa.bindparam("trial")), pairs)
        return [row.id for row in taken]

    def _ended(self, row: Any, axes: Axes, times: Mapping[tuple[int, str], float]) -> EndedTrial:
        point, outcome = point_of(row), outcomes.from_json(row.outcome)
        began, ended = (times.get((row.number, what)) for what in ("claimed", "finished"))
        return EndedTrial(
            trial=template(axes, point or Point(overrides={}, varied=())),
            final=final(outcome),
            began=None if began is None else datetime.fromtimestamp(began),
            ended=None if ended is None else datetime.fromtimestamp(ended),
            reports=self._reports.get(row.id, {}),
        )

    def _times(self, numbers: Sequence[int]) -> dict[tuple[int, str], float]:
        """When the last attempt of each trial began, and when it ended, by the database's clock."""
        last = sa.select(events.c.number, events.c.what, sa.func.max(events.c.at).label("at"))
        is_one = events.c.study_key == self._study_key, events.c.number.in_(numbers)
        query = last.where(*is_one, events.c.what.in_(["claimed", "finished"])).group_by(events.c.number, events.c.what)
        return {(row.number, row.what): row.at for row in self._read(query)}

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query).all()

        return self._db.patiently(read)
