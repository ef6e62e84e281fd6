"""What one process sees of its study: who looks at the same moment shares one look, which is one transaction."""

import time
from collections.abc import Sequence
from typing import Any

from sweeps.study.feed import Feed
from sweeps.study.storage import Database
from sweeps.study.will import Look, Will

_SHARED_S = 0.25
"""How old a look may be that another part of the process takes for its own."""


class Sight:
    """The trials of a study, what it wants of its workers, and which of its rows run.

    A worker asks once a second what it is to do, its display shows the trials, and its leases judge other workers.
    Where nothing happens, these come one after the other, and the first one has read it all.

    Args:
        database: Where the study is kept.
        study_key: The study's own key.
        will: What the study wants.
    """

    def __init__(self, database: Database, study_key: str, will: Will) -> None:
        self._db, self._will = database, will
        self.feed = Feed(database, study_key)
        self._now, self._running = Look(), list[Any]()
        self._until, self._num_writes = float("-inf"), 0

    def look(self, configuration: int | None) -> Look:
        """Read all of it.

        Args:
            configuration: The configuration whose points count; None: all.
        """
        num_writes, began = self._db.num_writes, time.monotonic()

        def read() -> tuple[Look, Sequence[Any]]:
            with self._db.engine.connect() as connection:
                return self._will.read(connection, configuration), self.feed.read(connection)

        self._now, found = self._db.patiently(read)
        self.feed.take(found)
        self._running = [row for row in found if row.state == "running"]
        self._until, self._num_writes = began + _SHARED_S, num_writes
        return self._now

    @property
    def now(self) -> Look | None:
        """The look of this moment; None where it is older, or this process has written since."""
        return self._now if self._is_fresh else None

    @property
    def running(self) -> list[Any] | None:
        """The rows that run, as of this moment; None as above."""
        return self._running if self._is_fresh else None

    @property
    def _is_fresh(self) -> bool:
        return time.monotonic() < self._until and self._num_writes == self._db.num_writes
