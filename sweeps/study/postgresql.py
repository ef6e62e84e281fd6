"""One connection to a PostgreSQL server per process: it serves every thread, and holds the locks.

A server takes a hundred connections, as it is installed. So that a hundred workers can share it, a worker has one.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import optuna
import sqlalchemy as sa

_CONNECT_TIMEOUT_S = 5
_POOL_TIMEOUT_S = 60
"""How long a thread waits for another one; both only read or write a little."""


class Line:
    """Opens the connections of an engine. The first one is opened before: it holds a lock while the engine is made.

    Args:
        url: Address of the database.
        options: Further options of the connection.
    """

    def __init__(self, url: sa.URL, **options: str) -> None:
        self._arguments: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT_S, **options}
        self._engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=self._arguments)
        self._url = url.render_as_string(hide_password=False)
        self._ready: list[Any] = []

    def open(self, lock: str | None = None, prepare: Callable[[sa.Connection], None] = lambda connection: None) -> None:
        """Open the first connection; it holds the lock until `unlock`, or until it ends.

        Args:
            lock: Its name; None: no lock.
            prepare: Called under the lock.
        """
        connection = self._engine.connect()
        if lock is not None:
            _take(connection, lock)
        prepare(connection)
        connection.rollback()
        connection.detach()  # no pool closes it
        self._ready.append(connection.connection.dbapi_connection)

    def make_tables(self, connection: sa.Connection) -> None:
        """Make Optuna's tables where there are none."""
        if not sa.inspect(connection).has_table("alembic_version"):
            self._apart()

    def storage(self) -> optuna.storages.RDBStorage:
        """Optuna's storage on this line.

        Raises:
            RuntimeError: The tables are of another version of Optuna.
        """
        pool = {"pool_size": 1, "max_overflow": 0, "pool_timeout": _POOL_TIMEOUT_S, "pool_pre_ping": True}
        made = optuna.storages.RDBStorage(
            self._url, {"creator": self._opened, **pool}, skip_compatibility_check=True, skip_table_creation=True
        )
        if made.get_current_version() != made.get_head_version():
            self._apart()
        return made

    def _apart(self) -> None:
        """Let Optuna make and check its tables with connections of its own: it uses two at a time for that."""
        alone = {"poolclass": sa.pool.NullPool, "connect_args": self._arguments}
        optuna.storages.RDBStorage(self._url, engine_kwargs=alone)

    def connected(self) -> sa.Connection:
        """A connection of its own, for a look before there is an engine."""
        return self._engine.connect()

    def _opened(self) -> Any:
        if not self._ready:
            self.open()
        return self._ready.pop()


@contextlib.contextmanager
def locked(engine: sa.Engine, name: str, patiently: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Exclude every other process that holds the same name.

    The lock belongs to the session, which is the one connection of this process: it stays while the connection lies in
    the pool, and goes with the connection.

    Args:
        engine: One of a `Line`.
        name: What is locked.
        patiently: Repeats what it is given while the database does not answer.
    """

    def take() -> None:
        with engine.connect() as connection:
            _take(connection, name)

    patiently(take)
    try:
        yield
    finally:
        unlock(engine, name)


def unlock(engine: sa.Engine, name: str) -> None:
    """End a lock; one that was lost with its connection has ended already."""
    with contextlib.suppress(sa.exc.DBAPIError), engine.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_unlock(_number(name))))
        connection.commit()


def _take(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_lock(_number(name))))
    connection.commit()


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
