"""What has happened to the trials of one study, read from its events."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from sweeps.study import events
from sweeps.study.events import Event, What
from sweeps.study.schema import events as event_rows
from sweeps.study.storage import Database


class History:
    """The events of a study.

    Args:
        database: Where they are kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key

    def of(self, number: int | None) -> list[Event]:
        """The events of one trial, or of all, oldest first."""
        query = sa.select(event_rows).where(event_rows.c.study_key == self._study_key).order_by(event_rows.c.id)
        if number is not None:
            query = query.where(event_rows.c.number == number)
        return [events.event_of(row) for row in self._read(query)]

    def num_restarts(self, number: int) -> int:
        """How often a trial was sent back to its beginning."""
        return sum(each == number for each in self._with("restarted", event_rows.c.number == number))

    def set_apart(self) -> set[int]:
        """Numbers of the trials that are run alone, since a process that they shared has failed."""
        return set(self._with("set apart"))

    def _with(self, what: What, *conditions: sa.ColumnElement[bool]) -> list[int]:
        """The numbers of the trials that have such an event, once per event."""
        is_one = (event_rows.c.study_key == self._study_key, event_rows.c.what == what)
        return [int(row.number) for row in self._read(sa.select(event_rows.c.number).where(*is_one, *conditions))]

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query).all()

        return self._db.patiently(read)
