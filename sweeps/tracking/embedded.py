"""MLflow's embedded database: it is whole, or it is not there.

MLflow makes its tables in dozens of steps. A process that is killed meanwhile would leave a file that nobody can use or
repair. So the database is made in memory, written aside under a lock, and gets its name when it is whole.
"""

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

_AT_WORK_S = 4.0
"""A half-made database that changed within this time may still be made, by an application or a server of its own."""


def database_of(uri: str) -> Path | None:
    """The file of an embedded database; None for any other address."""
    if not uri.startswith("sqlite:"):
        return None
    name = make_url(uri).database
    return Path(name).resolve() if name and name != ":memory:" else None


def prepare(uri: str, made: Callable[[Path], bytes], tell: Callable[[str], None]) -> None:
    """Return once the embedded database is there and whole; does nothing for any other address.

    Args:
        uri: Tracking URI.
        made: A whole database for a path.
        tell: Shows the user one line where a half-made one is set aside.
    """
    path = database_of(uri)
    if path is None or is_whole(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_name(f".{path.name}.lock")):
        while path.exists() and not is_whole(path):
            if time.time() - _changed_at(path) < _AT_WORK_S:
                time.sleep(0.2)
                continue
            aside = _set_aside(path)
            tell(f"{path.name} was half made by a process that died; it is now {aside.name}, and a new one is made.")
        if not path.exists():
            content, new = made(path), path.with_name(f".{path.name}.new")
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)


def is_whole(path: Path) -> bool:
    """Whether the tables are there: MLflow enters its first experiment last. What is not MLflow's counts as whole."""
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "experiments" in tables:
                return database.execute("SELECT 1 FROM experiments LIMIT 1").fetchone() is not None
            return bool(tables - {"alembic_version"}) and "runs" not in tables
    except sqlite3.Error:
        return True  # no database, or one that is in use: MLflow says what it thinks of it


def is_database(path: Path) -> bool:
    """Whether a file is a SQLite database, or an empty one that becomes one."""
    with path.open("rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\x00")


def _changed_at(path: Path) -> float:
    """When the database or its journal was last written; 0 where both are gone."""
    times = [0.0]
    for part in _family(path):
        with contextlib.suppress(OSError):
            times.append(part.stat().st_mtime)
    return max(times)


def _set_aside(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.name}.half-made-{number}")).exists():
        number += 1
    for part, aside in zip(_family(path), _family(free), strict=True):
        with contextlib.suppress(FileNotFoundError):
            part.rename(aside)
    return free


def _family(path: Path) -> list[Path]:
    """The database and the files that SQLite keeps beside it."""
    return [path, *(path.with_name(f"{path.name}{end}") for end in ("-journal", "-wal", "-shm"))]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Exclude all others; the file of the lock is gone afterwards."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held the lock before has removed its file, and another process may hold a newer one.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                break
        os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
