"""The configuration files that a study keeps: of each of its configurations, as they were at its first command."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sweeps.identity.sources import Sources
from sweeps.study.schema import sources
from sweeps.study.storage import Database


class KeptSources:
    """Those of one study.

    Args:
        database: Where they are kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key

    def keep(self, configuration: int, found: Sources) -> None:
        """Keep what a configuration is composed from; what is kept of it already stays."""
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        of = {"study_key": self._study_key, "configuration": configuration}
        new = insert(sources).values(**of, digest=found.digest, content=found.packed()).on_conflict_do_nothing()
        self._db.write(lambda connection: connection.execute(new))

    def all(self) -> dict[int, Sources]:
        """Number of a configuration to its files, the oldest first."""
        query = sa.select(sources).where(sources.c.study_key == self._study_key).order_by(sources.c.configuration)
        return {row.configuration: Sources.unpacked(bytes(row.content)) for row in self._read(query)}

    def latest(self) -> Sources | None:
        """The files of today's configuration; None where the study is of an earlier version."""
        return next(reversed(self.all().values()), None)

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query).all()

        return self._db.patiently(read)
