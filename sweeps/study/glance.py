"""A look at what a study has, by plain statements: neither Optuna nor SQLAlchemy is imported, which takes a second.

What it reads is compared with what it has read before, so only its digest matters, and the points of the rows.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sweeps.space import Point
from sweeps.study import sqlite
from sweeps.study.kept_points import point_of
from sweeps.study.version import VERSION

if TYPE_CHECKING:
    from sweeps.study.storage import Database

_CONNECT_TIMEOUT_S = 5
_SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(r"postgres(ql)?(\+psycopg)?://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A study that is at rest, as the database has it.

    Attributes:
        key: The study's own key.
        facts: What is kept with it.
        rows: Its points, with the names of the columns.
        digest: Of all of it.
    """

    key: str
    facts: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    digest: str

    @classmethod
    def at(cls, url: str, name: str) -> Self | None:
        """The study of that name; None where it is not there, not finished, or cannot be seen so easily.

        Args:
            url: Address of the storage.
            name: The study's name.
        """
        try:
            with _connected(url) as (connection, mark):
                return cls._read(connection.cursor(), mark, name)
        except Exception:  # whoever opens the database properly says what is wrong with it
            return None

    @classmethod
    def through(cls, database: "Database", name: str) -> Self | None:
        """The same through a database that is open: a process has one connection, and a server has few.

        Args:
            database: The database.
            name: The study's name.
        """
        try:
            with database.engine.connect() as connection:
                return cls._read(connection.connection.cursor(), "?" if database.is_sqlite else "%s", name)
        except Exception:  # as in `at`
            return None

    @classmethod
    def _read(cls, cursor: Any, mark: str, name: str) -> Self | None:
        def of(statement: str, *values: Any) -> list[dict[str, Any]]:
            return _found(cursor, statement.replace("?", mark), values)

        found = of("SELECT study_id FROM studies WHERE study_name = ?", name)
        if not found:
            return None
        number = found[0]["study_id"]
        told = of("SELECT key, value_json FROM study_user_attributes WHERE study_id = ? ORDER BY key", number)
        ways = of("SELECT * FROM study_directions WHERE study_id = ? ORDER BY objective", number)
        facts = {one["key"]: json.loads(one["value_json"]) for one in told}
        rows = of("SELECT * FROM sweeps_points WHERE study_key = ? ORDER BY position", facts["key"])
        will = of("SELECT * FROM sweeps_studies WHERE study_key = ?", facts["key"])
        if not rows or any(row["state"] in ("open", "running") or not row["mirrored"] for row in rows):
            return None
        read = repr((number, told, ways, rows, will))
        return cls(key=facts["key"], facts=facts, rows=rows, digest=hashlib.sha256(read.encode()).hexdigest())

    def points(self) -> list[tuple[Point, str]]:
        """The points of today's configuration that trials have run, each with the identity that it had."""
        today = max((row["configuration"] for row in self.rows if row["configuration"] is not None), default=None)
        ours = [row for row in self.rows if row["configuration"] in (None, today)]
        found = [(point_of(_Row(row)), row["identity"] or "") for row in ours]
        return [(point, identity) for point, identity in found if point is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A study of a storage, and how far it is.

    Attributes:
        name: Its name.
        objectives: What it optimises, where that has a name.
        counts: Ledger state (`open`, `running`, `done`) to number of points.
    """

    name: str
    objectives: Sequence[str]
    counts: Mapping[str, int]


def listed(url: str) -> list[Listed] | None:
    """The studies of a storage, oldest first; None where they cannot be seen so easily.

    Args:
        url: Address of the storage.
    """
    try:
        with _connected(url) as (connection, _):
            return _listed(connection.cursor())
    except Exception:  # as in `Glance.at`
        return None


def _listed(cursor: Any) -> list[Listed] | None:
    if [row["version"] for row in _found(cursor, "SELECT version FROM sweeps_schema")] != [VERSION]:
        return None  # who opens the database properly says what that means
    told = _found(
        cursor, "SELECT study_id, key, value_json FROM study_user_attributes WHERE key IN ('key', 'objective')"
    )
    facts: dict[int, dict[str, Any]] = {}
    for row in told:
        facts.setdefault(row["study_id"], {})[row["key"]] = json.loads(row["value_json"])
    states = _found(cursor, "SELECT study_key, state, count(*) AS n FROM sweeps_points GROUP BY study_key, state")
    counts = {(row["study_key"], row["state"]): int(row["n"]) for row in states}
    return [
        Listed(
            name=row["study_name"],
            objectives=facts.get(row["study_id"], {}).get("objective") or (),
            counts={
                state: counts.get((facts.get(row["study_id"], {}).get("key", ""), state), 0)
                for state in ("open", "running", "done")
            },
        )
        for row in _found(cursor, "SELECT study_id, study_name FROM studies ORDER BY study_id")
    ]


def _found(cursor: Any, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    cursor.execute(statement, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class _Row:
    """A row whose columns are attributes."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.__dict__.update(columns)


@contextlib.contextmanager
def _connected(url: str) -> Any:
    """A connection, and the sign that stands for a value in its statements."""
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE).partition("?")[0])
        with contextlib.closing(sqlite.reader(path)) as connection:
            yield connection, "?"
        return
    import psycopg

    line = _POSTGRESQL.sub("postgresql://", url, count=1)
    with psycopg.connect(line, connect_timeout=_CONNECT_TIMEOUT_S) as connection:
        yield connection, "%s"
