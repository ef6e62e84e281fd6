"""The rows of one study: which point is open, who runs it, how it ended."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sweeps.identity import is_known_dead
from sweeps.study.storage import Database, points


class Ledger:
    """One row a point. Whatever a worker changes is guarded by its name and the attempt it holds.

    Args:
        database: Where it is kept.
        study_id: Optuna's id of the study.
    """

    def __init__(self, database: Database, study_id: int) -> None:
        self._db, self._study_id = database, study_id

    def add(self, wanted: Sequence[Mapping[str, Any]]) -> int:
        """Open a row for each point whose `key` is new; returns how many were."""

        def insert(connection: sa.Connection) -> int:
            query = sa.select(points.c.key, points.c.position).where(points.c.study_id == self._study_id)
            known = {row.key: row.position for row in connection.execute(query)}
            position = max(known.values(), default=-1) + 1
            new: dict[str, dict[str, Any]] = {}
            for row in wanted:
                if row["key"] not in known and row["key"] not in new:
                    place = {"study_id": self._study_id, "position": position + len(new), "state": "open"}
                    new[row["key"]] = {**row, **place}
            if new:
                connection.execute(sa.insert(points), list(new.values()))
            return len(new)

        # Two coordinators at once would number the same points twice.
        with self._db.lock("points"):
            return self._db.write(insert)

    def take(self, worker: str) -> Any:
        """Give the first open row to a worker, with its first beat, in one statement; None when none is open."""
        first = (
            sa.select(points.c.id)
            .where(points.c.study_id == self._study_id, points.c.state == "open")
            .order_by(points.c.position)
            .limit(1)
        )
        if not self._db.is_sqlite:
            first = first.with_for_update(skip_locked=True)
        take = (
            sa.update(points)
            .where(points.c.id == first.scalar_subquery(), points.c.state == "open")
            .values(state="running", worker=worker, attempt=points.c.attempt + 1, beat_at=self._db.now, progress=None)
            .returning(points)
        )
        return self._db.write(lambda connection: connection.execute(take).one_or_none())

    def change(self, row_id: int, worker: str, attempt: int, values: Mapping[str, Any]) -> bool:
        """Change a row that this attempt of this worker runs; False when it no longer does."""
        held = sa.and_(points.c.state == "running", points.c.worker == worker, points.c.attempt == attempt)
        return self._update(row_id, held, values) == 1

    def beat(self, row_id: int, worker: str, attempt: int, progress: str) -> bool:
        """`change` with the time of the database's clock."""
        return self.change(row_id, worker, attempt, {"beat_at": self._db.now, "progress": progress})

    def mark_mirrored(self, row_id: int) -> None:
        """Note that Optuna's trial has the outcome."""
        self._update(row_id, sa.true(), {"mirrored": 1})

    def reopen(self, row_id: int) -> None:
        """Hand out an ended point once more, as a new trial of Optuna's."""
        again = {"state": "open", "outcome": None, "mirrored": 0, "trial_id": None, "retries": 0, "worker": None}
        self._update(row_id, points.c.state == "done", again)

    def reap(self, lease_s: float) -> list[int]:
        """Reopen the rows of workers that are gone; returns their positions.

        A worker on this machine is known to be gone; any other one is given `lease_s` since its last beat. After an
        outage of the database nobody is judged for that long, since nobody could beat.
        """
        silent = self._db.now - points.c.beat_at
        query = sa.select(points, (silent > lease_s).label("is_silent")).where(
            points.c.study_id == self._study_id, points.c.state == "running"
        )
        is_settled = time.monotonic() - self._db.last_outage_at > lease_s
        return [
            row.position
            for row in self._read(query)
            if (is_known_dead(row.worker or "") or (row.is_silent and is_settled)) and self._release(row)
        ]

    def counts(self) -> dict[str, int]:
        """State (`open`, `running`, `done`) to number of rows."""
        query = sa.select(points.c.state, sa.func.count().label("n")).where(points.c.study_id == self._study_id)
        found = {row.state: row.n for row in self._read(query.group_by(points.c.state))}
        return {state: found.get(state, 0) for state in ("open", "running", "done")}

    def rows(self, *conditions: sa.ColumnElement[bool]) -> Sequence[Any]:
        """Rows by position."""
        query = sa.select(points).where(points.c.study_id == self._study_id, *conditions)
        return self._read(query.order_by(points.c.position))

    def _release(self, row: Any) -> bool:
        unchanged = sa.and_(
            points.c.state == "running",
            points.c.attempt == row.attempt,
            points.c.worker == row.worker,
            points.c.beat_at == row.beat_at,
        )
        return self._update(row.id, unchanged, {"state": "open", "worker": None, "beat_at": None}) == 1

    def _update(self, row_id: int, condition: sa.ColumnElement[bool], values: Mapping[str, Any]) -> int:
        update = sa.update(points).where(points.c.id == row_id, condition).values(**values)
        return self._db.write(lambda connection: connection.execute(update).rowcount)

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query).all()

        return self._db.patiently(read)
