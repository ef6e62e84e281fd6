"""What ended trials have left, kept in the database: the one thing that all machines of a study share."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sweeps.errors import first_line
from sweeps.study.schema import bundles
from sweeps.study.storage import Database
from sweeps.trial.bundle import pack
from sweeps.trial.files import TrialFiles

log = logging.getLogger(__name__)


class Known(NamedTuple):
    """Which bundle there is of a trial: the attempt that has left it, and what tells it from others."""

    attempt: int
    digest: str


class Bundles:
    """The bundles of one study.

    Args:
        database: Where they are kept.
        study_key: The study's own key.
    """

    def __init__(self, database: Database, study_key: str) -> None:
        self._db, self._study_key = database, study_key

    def keep(self, number: int, attempt: int, files: TrialFiles) -> None:
        """Keep what a trial has left; what a later attempt has left stays."""
        if (new := self.made(number, attempt, files)) is not None:
            self._db.write(lambda connection: connection.execute(new))

    def made(self, number: int, attempt: int, files: TrialFiles) -> sa.Insert | None:
        """What keeps what a trial has left, as part of a transaction; None where it has left nothing.

        Files that cannot be read are none: the trial has its result without them.
        """
        try:
            bundle = pack(files)
        except (OSError, ValueError) as error:
            log.warning("what trial %d has left is not kept: %s", number, first_line(error))
            return None
        if bundle is None:
            return None
        kept = {"attempt": attempt, "digest": bundle.digest, "content": bundle.archive}
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        new = insert(bundles).values(study_key=self._study_key, number=number, **kept)
        is_later = bundles.c.attempt <= new.excluded.attempt
        keys = ["study_key", "number"]
        return new.on_conflict_do_update(index_elements=keys, set_=kept, where=is_later)

    def known(self) -> dict[int, Known]:
        """Trial number to the bundle that there is."""
        query = sa.select(bundles.c.number, bundles.c.attempt, bundles.c.digest)
        return {row.number: Known(row.attempt, row.digest) for row in self._read(query)}

    def contents(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Trial number to archive."""
        query = sa.select(bundles.c.number, bundles.c.content).where(bundles.c.number.in_(numbers))
        return {row.number: bytes(row.content) for row in self._read(query)}

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query.where(bundles.c.study_key == self._study_key)).all()

        return self._db.patiently(read)
