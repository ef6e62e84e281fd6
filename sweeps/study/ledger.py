"""The rows of one study: which point is open, who runs it, how it ended."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sweeps.owners import is_known_dead
from sweeps.study import events
from sweeps.study.additions import Wanted, insert, is_of
from sweeps.study.events import Held, Note
from sweeps.study.history import History
from sweeps.study.leases import Leases
from sweeps.study.records import Claim
from sweeps.study.requeue import MAX_PAUSE_S
from sweeps.study.schema import OF_A_STUDY, rows
from sweeps.study.storage import Database
from sweeps.study.will import runs

_SURELY_GONE_S = 600.0
"""Silence after which a worker of another machine keeps nobody from deleting its study."""


class Ledger:
    """One row per point. Whatever a worker changes is guarded by its name and the attempt it holds.

    Args:
        database: Where it is kept.
        study_key: The study's own key, which no other study ever has.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key
        self._leases = Leases(database)
        self.history = History(database, study_key)
        self.is_mixed = False
        """Whether open rows are taken in an order that has nothing to do with their numbers, the same for all."""

    @property
    def study_key(self) -> str:
        return self._study_key

    def add(self, wanted: Wanted) -> int:
        """Open a row for each point that is new; returns how many were."""
        # Two coordinators at once would number the same points twice.
        with self._db.lock("points"):
            return self._db.write(lambda connection: insert(connection, self._study_key, wanted))

    def relabel(self, updates: Iterable[tuple[Any, Mapping[str, Any], Note | None]]) -> None:
        """Change what rows say of their configuration; one that was taken meanwhile keeps its key."""
        listed = list(updates)

        def change(connection: sa.Connection) -> None:
            for row, values, note in listed:
                same = (rows.c.id == row.id, rows.c.state == row.state, rows.c.attempt == row.attempt)
                is_changed = connection.execute(sa.update(rows).where(*same).values(**values)).rowcount == 1
                if is_changed and note is not None:
                    connection.execute(self._insert(_held(row), note))

        if listed:
            self._db.write(change)

    def take(self, worker: str, configuration: int | None = None, only: int | None = None) -> Any:
        """Give the first open row to a worker, with its first beat, in one statement; None when none is open.

        Args:
            worker: Who takes it.
            configuration: The configuration that the worker runs; None: any.
            only: Number of the one row that is wanted; None: any.
        """
        of_study = rows.c.study_key == self._study_key
        is_open = [of_study, rows.c.state == "open", self._is_due(), runs(self._study_key)]
        is_open += [] if only is None else [rows.c.number == only]
        order = (_mixed(rows.c.number), rows.c.number) if self.is_mixed else (rows.c.number,)
        first = sa.select(rows.c.id).where(*is_open, is_of(configuration)).order_by(*order).limit(1)
        if not self._db.is_sqlite:
            # Workers that ask at the same moment get different rows instead of waiting for each other.
            first = first.with_for_update(skip_locked=True)
        take = (
            sa.update(rows)
            # `open` a second time: on PostgreSQL the row may have been taken between the look and the change.
            .where(rows.c.id == first.scalar_subquery(), rows.c.state == "open")
            .values(state="running", worker=worker, attempt=rows.c.attempt + 1, beat_at=self._db.now, progress=None)
            .returning(rows)
        )

        def claim(connection: sa.Connection) -> Any:
            row = connection.execute(take).one_or_none()
            if row is not None:
                connection.execute(self._insert(_held(row), _claimed(row)))
            return row

        row = self._db.write(claim)
        if row is not None:
            events.tell(_held(row), _claimed(row))
        return row

    def change(
        self, claim: Claim, values: Mapping[str, Any], note: Note | None = None, also: sa.Insert | None = None
    ) -> bool:
        """Change a row that this claim holds, record why, and do `also`; False when it no longer holds it."""
        held = (rows.c.state == "running", rows.c.worker == claim.worker, rows.c.attempt == claim.attempt)
        return self._update(claim.id, claim.held, sa.and_(*held), values, note, also)

    def beat(self, claim: Claim, progress: str) -> bool:
        """`change` with the time of the database's clock."""
        return self.change(claim, {"beat_at": self._db.now, "progress": progress})

    def has_outcome(self, claim: Claim, outcome: str) -> bool:
        """Whether the row has this outcome of this claim: the answer to a write can be lost with the connection."""
        row = self.rows(rows.c.id == claim.id)[0]
        return bool(row.state == "done" and row.outcome == outcome and row.worker == claim.worker)

    def note(self, claim: Claim, note: Note) -> None:
        """Record what happened to a claim without changing its row."""
        self._db.write(lambda connection: connection.execute(self._insert(claim.held, note)))
        events.tell(claim.held, note)

    def mark_mirrored(self, row_id: int) -> None:
        """Note that Optuna's trial has the outcome."""
        update = sa.update(rows).where(rows.c.id == row_id).values(mirrored=1)
        self._db.write(lambda connection: connection.execute(update))

    def reopen(self, row: Any, note: Note, **also: Any) -> bool:
        """Hand out an ended point once more, as a new trial of Optuna's, with these values; an open one keeps its."""
        again: dict[str, Any] = {"retries": 0, "worker": None, "beat_at": None, **also}
        if row.state != "open":
            again |= {"state": "open", "outcome": None, "mirrored": 0, "trial_id": None}
        return self._update(row.id, _held(row), rows.c.state == row.state, again, note)

    @staticmethod
    def drop_rows_of_others(database: Database, keys: Sequence[str]) -> None:
        """Remove the rows of studies that Optuna was told to delete: all but those of these keys."""

        def drop(connection: sa.Connection) -> None:
            for table in OF_A_STUDY:
                connection.execute(sa.delete(table).where(table.c.study_key.not_in(keys)))

        database.write(drop)

    def drop(self) -> None:
        """Remove the rows and events of the study, and what its trials have left."""

        def drop(connection: sa.Connection) -> None:
            for table in OF_A_STUDY:
                connection.execute(sa.delete(table).where(table.c.study_key == self._study_key))

        self._db.write(drop)

    def held_rows(self) -> list[Any]:
        """The rows of workers that may live."""
        running = self._read(self._running())
        return [row for row in running if not is_known_dead(row.worker or "") and row.silence_s < _SURELY_GONE_S]

    def _running(self) -> sa.Select[Any]:
        looked = sa.select(rows, *self._db.since(rows.c.beat_at))
        return looked.where(rows.c.study_key == self._study_key, rows.c.state == "running")

    def reap(self, lease_s: float, by: str, running: Sequence[Any] | None = None) -> list[int]:
        """Reopen the rows of workers that are gone; returns their numbers.

        Args:
            lease_s: Silence in seconds after which a worker counts as gone.
            by: Who looks; its own rows are left alone.
            running: The rows that run, with their silence; None: they are read.
        """
        released, found = [], self._read(self._running()) if running is None else running
        for row, why in self._leases.lost(found, lease_s, by):
            if self._release(row, Note(what="lease lost", why=f"{why}; seen by {by}")):
                released.append(row.number)
        return released

    def rows(self, *conditions: sa.ColumnElement[bool]) -> Sequence[Any]:
        """Rows by number."""
        return self._read(
            sa.select(rows).where(rows.c.study_key == self._study_key, *conditions).order_by(rows.c.number)
        )

    def _is_due(self) -> sa.ColumnElement[bool]:
        """Of an open row: whether its pause is over."""
        far = self._db.now + 2 * MAX_PAUSE_S  # no pause is as long: the clock was set back meanwhile
        return sa.or_(rows.c.beat_at.is_(None), rows.c.beat_at <= self._db.now, rows.c.beat_at > far)

    def _release(self, row: Any, note: Note) -> bool:
        # The beat is compared for equality on purpose: any beat since the look shows that the worker lives.
        unchanged = sa.and_(
            rows.c.state == "running",
            rows.c.attempt == row.attempt,
            rows.c.worker == row.worker,
            rows.c.beat_at == row.beat_at,
        )
        spent_s = rows.c.spent_s + self._lasted_s(row)
        values = {"state": "open", "worker": None, "beat_at": None, "spent_s": spent_s}
        return self._update(row.id, _held(row), unchanged, values, note)

    def _lasted_s(self, row: Any) -> float:
        """How long the attempt of a running row is known to have run: from its claim to its last beat."""
        own = [event for event in self.history.of(row.number) if event.attempt == row.attempt]
        claims = [event.at for event in own if event.what == "claimed"]
        return max(0.0, row.beat_at - claims[-1]) if claims and row.beat_at else 0.0

    def _update(
        self,
        row_id: int,
        held: Held,
        condition: sa.ColumnElement[bool],
        values: Mapping[str, Any],
        note: Note | None,
        also: sa.Insert | None = None,
    ) -> bool:
        """Change a row where the condition holds, with its event in the same transaction; False where it does not."""
        update = sa.update(rows).where(rows.c.id == row_id, condition).values(**values)

        def change(connection: sa.Connection) -> bool:
            has_changed = connection.execute(update).rowcount == 1
            if has_changed and note is not None:
                connection.execute(self._insert(held, note))
            if has_changed and also is not None:
                connection.execute(also)
            return has_changed

        has_changed = self._db.write(change)
        if has_changed and note is not None:
            events.tell(held, note)
        return has_changed

    def _insert(self, held: Held, note: Note) -> sa.Insert:
        return events.insert(self._db.now, self._study_key, held, note)

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query).all()

        return self._db.patiently(read)


def _held(row: Any) -> Held:
    return Held(row.number, row.attempt, row.worker or "")


def _mixed(number: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """A number as if drawn, by a square modulo a prime: neighbours are far apart, and it repeats nothing below it."""
    wide = sa.cast(number + 1, sa.BigInteger)
    return (wide * wide * 48_271 + wide * 16_807) % 1_000_003


def _claimed(row: Any) -> Note:
    why = "the first attempt" if row.attempt == 1 else f"after attempt {row.attempt - 1}"
    return Note(what="claimed", why=why)
