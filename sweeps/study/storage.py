"""Where studies are kept: Optuna's storage, and beside its tables the ledger that says who runs which point.

SQLite and PostgreSQL behave alike behind `Database`: one row of the ledger is changed by one statement, guarded by the
worker and attempt that own it, so that no two workers can hold a point and no late result is taken.
"""

import contextlib
import fcntl
import hashlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import optuna
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sweeps.errors import StorageError, StudyError
from sweeps.study.schema import metadata
from sweeps.study.urls import check_url, shown

optuna.logging.set_verbosity(optuna.logging.WARNING)

Result = TypeVar("Result")

_CONNECT_TIMEOUT_S = 5
_BUSY_TIMEOUT_S = 60
_OUTAGES = (DBAPIError, optuna.exceptions.StorageInternalError)


class Database:
    """An Optuna storage and the engine under it.

    Args:
        url: An Optuna storage URL, `sqlite:///FILE` or `postgresql://...`.
        create: Whether a SQLite file may be created.
        patience_s: How long an outage is waited out once the database has answered for the first time.

    Raises:
        StudyError: The URL is of another kind, or the file does not exist and may not be created.
        StorageError: Nothing answers there.
    """

    def __init__(self, url: str, *, create: bool = True, patience_s: float = 600.0) -> None:
        self.url = check_url(url)
        self.patience_s = patience_s
        self.last_outage_at = float("-inf")
        self._sqlite = Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None
        if self._sqlite and not create and not self._sqlite.exists():
            raise StudyError(f"study.storage={shown(url)}: the file does not exist. No study has been started there.")
        try:
            self._open()
        except (*_OUTAGES, SQLAlchemyError, OSError, sqlite3.Error) as error:
            reason = str(getattr(error, "orig", None) or error.__cause__ or error).strip("' \n").splitlines()
            raise StorageError(
                f"study.storage={shown(url)} does not answer: {reason[0] if reason else error!r}"
            ) from error

    @property
    def is_sqlite(self) -> bool:
        return self._sqlite is not None

    @property
    def now(self) -> sa.ColumnElement[float]:
        """Seconds since the epoch by the database's clock, so that the machines' clocks do not matter."""
        text = "(julianday('now') - 2440587.5) * 86400.0" if self.is_sqlite else "extract(epoch from clock_timestamp())"
        return sa.literal_column(text, sa.Float)

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Run `work` in one transaction; after an outage, run it again."""

        def attempt() -> Result:
            with self.engine.begin() as connection:
                return work(connection)

        return self.patiently(attempt)

    def patiently(self, work: Callable[[], Result]) -> Result:
        """Repeat `work` while the database does not answer, for at most `patience_s`."""
        deadline = time.monotonic() + self.patience_s
        pause_s = 0.1
        while True:
            try:
                return work()
            except _OUTAGES as error:
                if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError | sa.exc.DataError):
                    raise
                if time.monotonic() > deadline:
                    raise StorageError(f"study.storage={shown(self.url)} stopped answering: {error}") from error
                self.last_outage_at = time.monotonic()
                time.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, 2.0)

    def study_names(self) -> list[str]:
        """The studies kept here, oldest first."""
        summaries = optuna.get_all_study_summaries(self.storage, include_best_trial=False)
        return [summary.study_name for summary in summaries]

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Exclude every other process that holds the same name, on all machines that share the database.

        The lock goes with the process that dies.
        """
        if self._sqlite:
            with _file_lock(self._sqlite.with_name(f"{self._sqlite.name}.{name}.lock")):
                yield
            return
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
        engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool, connect_args=self._connect_args())
        with engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(number)))
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))

    def _open(self) -> None:
        if self._sqlite:
            self._sqlite.parent.mkdir(parents=True, exist_ok=True)
        else:
            # Optuna retries for a while; a wrong address should be known at once.
            sa.create_engine(self.url, poolclass=sa.pool.NullPool, connect_args=self._connect_args()).connect().close()
        # Two first starts at the same moment would both create the tables.
        with self.lock("schema"):
            if self._sqlite:
                with contextlib.closing(sqlite3.connect(self._sqlite, timeout=_BUSY_TIMEOUT_S)) as connection:
                    connection.execute("PRAGMA journal_mode=WAL")
            options: dict[str, object] = {"connect_args": self._connect_args()}
            if not self.is_sqlite:
                options |= {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 1}
            self.storage = optuna.storages.RDBStorage(self.url.render_as_string(False), engine_kwargs=options)
            self.engine = self.storage.engine
            metadata.create_all(self.engine)

    def _connect_args(self) -> dict[str, object]:
        if self.is_sqlite:
            # IMMEDIATE: a transaction that will write takes the lock at its start instead of failing half-way.
            return {"timeout": _BUSY_TIMEOUT_S, "isolation_level": "IMMEDIATE"}
        return {"connect_timeout": _CONNECT_TIMEOUT_S}


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
