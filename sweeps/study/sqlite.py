"""The file of a SQLite database: made whole or not at all, read without touching it, told from a successor."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

BUSY_TIMEOUT_S = 5
"""Longest wait for another process's transaction; whoever waits longer says so and tries again."""

_BESIDE = ("-wal", "-shm", "-journal")
_IS_WAL = b"\x02\x02"


def connect(path: Path, options: str = "mode=rw") -> sqlite3.Connection:
    """A connection to a file that exists; it never makes one."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?{options}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        # IMMEDIATE: a transaction that will write takes the lock at its start instead of failing half-way.
        isolation_level="IMMEDIATE",
        check_same_thread=False,
    )


def snapshot(path: Path) -> sqlite3.Connection:
    """A copy of the database in memory, as it is at this moment.

    Needs no right but to read: neither a lock nor a file is made.
    """
    copy = sqlite3.connect(":memory:", isolation_level="IMMEDIATE", check_same_thread=False)
    with contextlib.closing(reader(path)) as source:
        source.backup(copy)
    return copy


def reader(path: Path) -> sqlite3.Connection:
    """A connection to look for a moment; it makes neither a lock nor a file."""
    # Without a log beside it no process has the file open. SQLite itself would then make one, which the reader may not.
    is_at_rest = _is_wal(path) and not path.with_name(f"{path.name}-wal").exists()
    return connect(path, "immutable=1" if is_at_rest else "mode=ro")


def make(path: Path, fill: Callable[[Path], None]) -> None:
    """Make the database beside its place and move it there: a kill at any moment leaves it whole or absent.

    The caller excludes others. A file that is there stays as it is; an empty one counts as absent.

    Args:
        path: Where the database is to be.
        fill: Makes the tables in the file of the given path.
    """
    if path.exists() and path.stat().st_size > 0:
        return
    part = path.with_name(f"{path.name}.part")
    # What a killed start has left, and the log of a database that was deleted: SQLite would play it into the new one.
    for name in (part.name, *(f"{start}{end}" for start in (part.name, path.name) for end in _BESIDE)):
        path.with_name(name).unlink(missing_ok=True)
    fill(part)
    with contextlib.closing(sqlite3.connect(part)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    _sync(part)
    part.replace(path)
    _sync(path.parent)


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one that has taken its name; None where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:] == _IS_WAL


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
