"""Where studies are kept: Optuna's storage, and beside its tables the ledger that says who runs which point.

SQLite and PostgreSQL behave alike behind `Database`: one row of the ledger is changed by one statement, guarded by the
worker and attempt that own it, so that no two workers can hold a point and no late result is taken.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import optuna
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from sweeps.errors import StorageError, StorageLost, StudyError
from sweeps.study import outages, postgresql, sqlite
from sweeps.study.migration import bring_up_to_date, version_of
from sweeps.study.schema import VERSION
from sweeps.study.urls import check_url, shown

optuna.logging.set_verbosity(optuna.logging.WARNING)

Result = TypeVar("Result")

_OPENING_S = 60.0
"""How long a SQLite file that others are writing is waited for at the start; a server is given one try."""


class Database:
    """An Optuna storage and the engine under it.

    Args:
        url: An Optuna storage URL, `sqlite:///FILE` or `postgresql://...`.
        create: Whether a SQLite file may be created.
        is_view: Only look: nothing is written and no right to write is needed. What is seen of a SQLite file is how it
            was when it was opened.
        patience_s: How long an outage is waited out once the database has answered for the first time.

    Raises:
        StudyError: The URL is of another kind, or the file does not exist and may not be created.
        StorageError: Nothing answers there, or a later version of this program has made it.
    """

    def __init__(self, url: str, *, create: bool = True, is_view: bool = False, patience_s: float = 600.0) -> None:
        self.url = check_url(url)
        self.patience_s = patience_s
        self.last_outage_at, self.num_writes = float("-inf"), 0
        self._is_view = is_view
        self._name = f"study.storage={shown(url)}"
        is_file = self.url.get_backend_name() == "sqlite"
        self._sqlite = Path(self.url.database or "").absolute() if is_file else None
        self._identity: tuple[int, int] | None = None
        self._threads = threading.RLock()  # they share the one session of a server, to which its locks belong
        try:
            if self._sqlite and not (create and not is_view) and not self._sqlite.exists():
                raise StudyError(f"{self._name}: the file does not exist. No study has been started there.")
            self._view() if is_view else self._open()
        except (*outages.ERRORS, SQLAlchemyError, OSError, sqlite3.Error, RuntimeError) as error:
            raise StorageError(f"{self._name} does not answer: {_reason(error)}") from error

    @property
    def is_sqlite(self) -> bool:
        return self._sqlite is not None

    @property
    def now(self) -> sa.ColumnElement[float]:
        """Seconds since the epoch by the database's clock, so that the machines' clocks do not matter."""
        text = "(julianday('now') - 2440587.5) * 86400.0" if self.is_sqlite else "extract(epoch from clock_timestamp())"
        return sa.literal_column(text, sa.Float)

    def since(self, beat_at: sa.ColumnElement[Any]) -> tuple[sa.Label[Any], sa.Label[Any]]:
        """The time as `now`, and how long ago a beat was as `silence_s`."""
        return self.now.label("now"), (self.now - beat_at).label("silence_s")

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Run `work` in one transaction; after an outage, run it again."""

        def attempt() -> Result:
            self.num_writes += 1
            with self.engine.begin() as connection:
                return work(connection)

        return self.patiently(attempt)

    def patiently(self, work: Callable[[], Result]) -> Result:
        """Repeat `work` while the database does not answer, for at most `patience_s`.

        Raises:
            StorageLost: It does not answer in time, its file is gone, or the error is not of the kind that passes.
        """

        def attempt() -> Result:
            self._check_file()
            return work()

        return outages.wait_out(attempt, self.patience_s, self._name, self.note_outage)

    def close(self) -> None:
        """End the connections; whoever uses it again opens another."""
        self.engine.dispose()

    def note_outage(self) -> None:
        """Nobody is judged by the time of beats for a while."""
        self.last_outage_at = time.monotonic()

    def study_names(self) -> list[str]:
        """The studies kept here, oldest first."""
        # Optuna's summaries count all trials of all studies.
        return [study.study_name for study in self.patiently(self.storage.get_all_studies)]

    def study_keys(self) -> list[str]:
        """The keys of all studies."""
        studies = self.patiently(self.storage.get_all_studies)
        return [str(study.user_attrs["key"]) for study in studies if "key" in study.user_attrs]

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Exclude every other process that holds the same name, on all machines that share the database.

        The lock goes with the process that dies. Whoever only looks excludes nobody.
        """
        if self._is_view:
            yield
        elif self._sqlite:
            with _file_lock(self._sqlite.with_name(f"{self._sqlite.name}.{name}.lock")):
                yield
        else:
            with self._threads, postgresql.locked(self.engine, name, self.patiently):
                yield

    def _open(self) -> None:
        if self._sqlite is None:
            line = postgresql.Line(self.url)
            # A wrong address should be known at once; a server that has no connection left has one soon.
            open_first = partial(line.open, "schema", line.make_tables)
            outages.wait_out(open_first, self.patience_s, self._name, only=outages.is_crowd)
            try:
                self._use(line.storage())
                self._bring_up_to_date()
            finally:
                if hasattr(self, "engine"):
                    postgresql.unlock(self.engine, "schema")
            return
        path = self._sqlite
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two first starts at the same moment would both create the tables.
        with self.lock("schema"):
            sqlite.make(path, _fill)
            self._identity = sqlite.identity(path)
            outages.wait_out(lambda: self._open_file(path), _OPENING_S, self._name, lambda: None)

    def _open_file(self, path: Path) -> None:
        with contextlib.closing(sqlite.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        self._make(self.url, creator=lambda: sqlite.connect(path))

    def _make(self, url: sa.URL, **options: Any) -> None:
        self._use(optuna.storages.RDBStorage(url.render_as_string(False), engine_kwargs=options))
        self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        with self.engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver itself begins none before it makes a table
            bring_up_to_date(connection, self._name)

    def _view(self) -> None:
        """Open without writing."""
        if self._sqlite:
            copy = sqlite.snapshot(self._sqlite)
            # Whatever this version makes or changes, it makes in the copy.
            self._make(sa.make_url("sqlite://"), creator=lambda: copy, poolclass=sa.pool.StaticPool)
            return
        line = postgresql.Line(self.url, options="-c default_transaction_read_only=on")
        with line.connected() as connection:
            self._check_version(version_of(connection))
        self._use(line.storage())

    def _check_version(self, found: int) -> None:
        if found == 0:
            raise StudyError(f"{self._name}: there are no tables. No study has been started there.")
        if found < VERSION:
            raise StorageError(f"{self._name} was made by an earlier version. Its next sweep brings it up to date.")
        if found > VERSION:
            raise StorageError(f"{self._name} was made by a later version of this program. Install that version.")

    def _use(self, storage: optuna.storages.RDBStorage) -> None:
        self.storage, self.engine = storage, storage.engine

    def _check_file(self) -> None:
        """A file that was deleted can be written to for as long as it is open, and all of it is lost."""
        if self._sqlite and self._identity and sqlite.identity(self._sqlite) != self._identity:
            raise StorageLost(f"{self._name}: the file was deleted or replaced while it was in use.")


def _fill(path: Path) -> None:
    """Make all tables in a new file."""
    options = {"creator": lambda: sqlite3.connect(path), "poolclass": sa.pool.NullPool}
    storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
    with storage.engine.begin() as connection:
        bring_up_to_date(connection, str(path))
    storage.engine.dispose()


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError | RuntimeError):
        return " ".join(str(error).strip("' \n").split())
    return outages.reason(error)


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
