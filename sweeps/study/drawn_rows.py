"""The rows of a study that a sampler draws: one per draw and seed."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from sweeps.space import Point
from sweeps.study.additions import columns, is_of
from sweeps.study.records import point_of
from sweeps.study.schema import events, rows
from sweeps.study.storage import Database

if TYPE_CHECKING:
    from sweeps.study.draws import Drawn


class DrawnRows:
    """Gives draws their points. Workers that draw the same at the same moment exclude each other here.

    Args:
        database: Where they are kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db = database
        self._are_undrawn = (rows.c.study_key == study_key, rows.c["draw"].is_not(None), rows.c.overrides.is_(None))
        self._events = events.c.study_key == study_key

    def agreed(self, row: Any, draw: Callable[[], "Drawn | None"], configuration: int | None) -> Point | None:
        """The point of a row that had none when it was taken: the one that is drawn, or that another worker has drawn.

        Args:
            row: The row.
            draw: Draws for it, knowing what the study has at that moment.
            configuration: The configuration that the worker runs.

        Returns:
            None where the space has no other point, or the row is another worker's now.
        """
        while own := self._held(row):
            if own.overrides is not None:
                return point_of(own)
            drawn = draw()
            if drawn is None:
                self._drop_undrawn(configuration)
                return None
            if own.replicate >= len(drawn.points):  # a later line asks for fewer seeds
                self._drop_undrawn(configuration, rows.c.id == own.id)
                return None
            self._place(own.draw, [columns(point) for point in drawn.points], drawn.noted)
        return None

    def _held(self, row: Any) -> Any:
        """A row as it is now; None where it is no longer the one that was taken."""
        is_same = (rows.c.id == row.id, rows.c.worker == row.worker, rows.c.attempt == row.attempt)
        query = sa.select(rows).where(*is_same, rows.c.state == "running")
        return self._db.write(lambda connection: connection.execute(query).one_or_none())

    def _place(self, draw: int, points: Sequence[Mapping[str, Any]], noted: str) -> bool:
        """Give a draw its points; False where another worker has drawn it, or has one of the points.

        Args:
            draw: Its place.
            points: The columns of a row per seed.
            noted: What the sampler has noted of itself.
        """

        def write(connection: sa.Connection) -> bool:
            mine = (*self._are_undrawn, rows.c["draw"] == draw)
            updates = [
                sa.update(rows).where(*mine, rows.c.replicate == seed).values(**columns, drawn=noted or None)
                for seed, columns in enumerate(points)
            ]
            return sum(connection.execute(update).rowcount for update in updates) > 0

        try:
            return self._db.write(write)
        except IntegrityError:
            return False

    def _drop_undrawn(self, configuration: int | None, *which: sa.ColumnElement[bool]) -> None:
        """Take back rows for which no point is left, and what happened to them."""

        def drop(connection: sa.Connection) -> None:
            gone = (*self._are_undrawn, is_of(configuration), *which)
            numbers = connection.execute(sa.select(rows.c.number).where(*gone)).scalars().all()
            connection.execute(sa.delete(rows).where(*gone))
            connection.execute(sa.delete(events).where(self._events, events.c.number.in_(numbers)))

        self._db.write(drop)
