"""The trials of a study, kept up to date by reading only what has changed since the last look."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sweeps.study.records import TrialRow, trial_row
from sweeps.study.schema import events, rows
from sweeps.study.storage import Database

_LATE = 200
"""Events before the last one that are looked at once more: a transaction may end later than one with a higher id."""


class Feed:
    """Follows one study. A look costs what has changed, whatever the size of the study.

    Args:
        database: Where it is kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key
        self._last_event = 0
        self._today: int | None = None
        self.trials: Mapping[int, TrialRow] = {}
        """Number to trial, by number, as of the last look."""
        self.ended: dict[int, int] = {}
        """Number of a trial that has ended to its place in the order of endings."""

    def look(self) -> frozenset[int]:
        """Read what has changed; returns the numbers of the trials that may have."""
        return self.take(self._db.patiently(self._read))

    def take(self, found: Sequence[Any]) -> frozenset[int]:
        """As `look`, of what `read` has given."""
        today = max((row.configuration for row in found if row.configuration is not None), default=None)
        if self.trials and today is not None and today != self._today:  # then any other trial may be an earlier one
            self.trials = {}
            found = self._db.patiently(self._read)
        self._today = self._today if today is None else today
        for row in found:
            self._last_event = max(self._last_event, row.last_event or 0)
            self.ended.pop(row.number, None)
            if row.state == "done":
                self.ended[row.number] = row.ended or 0
        # A new trial has the highest number, so the order stays.
        self.trials = {**self.trials, **{row.number: trial_row(row, self._today) for row in found}}
        return frozenset(row.number for row in found)

    def _read(self) -> Sequence[Any]:
        with self._db.engine.connect() as connection:
            return self.read(connection)

    def read(self, connection: sa.Connection) -> Sequence[Any]:
        """The rows that may have changed, with their silence, and the events that say so."""
        of_study = events.c.study_key == self._study_key
        last = sa.select(sa.func.max(events.c.id)).where(of_study).scalar_subquery()
        own = sa.and_(of_study, events.c.number == rows.c.number, events.c.what == "finished")
        ended = sa.select(sa.func.max(events.c.id)).where(own).correlate(rows).scalar_subquery()
        since = self._db.since(rows.c.beat_at)
        query = sa.select(rows, last.label("last_event"), ended.label("ended"), *since)
        query = query.where(rows.c.study_key == self._study_key).order_by(rows.c.number)
        if self.trials:
            recent = sa.select(events.c.number).where(of_study, events.c.id > self._last_event - _LATE)
            is_new = rows.c.number > max(self.trials)
            query = query.where(sa.or_(rows.c.state == "running", is_new, rows.c.number.in_(recent)))
        return connection.execute(query).all()
