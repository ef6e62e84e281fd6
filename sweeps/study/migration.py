"""The version of our tables in a database, and how those of an earlier version become today's."""

import json
from typing import Any

import sqlalchemy as sa

from sweeps.errors import StorageError
from sweeps.study.schema import VERSION, events, metadata, rows, schema

_OLD = "_version_1"


def version_of(connection: sa.Connection) -> int:
    """The version of the tables in a database; 0 where there are none."""
    found = sa.inspect(connection)
    if found.has_table(schema.name):
        return int(connection.execute(sa.select(sa.func.max(schema.c.version))).scalar_one() or 0)
    return 1 if found.has_table(rows.name) else 0


def bring_up_to_date(connection: sa.Connection, name: str) -> None:
    """Make the tables, or make those of an earlier version today's. The caller's transaction makes it all or nothing.

    Args:
        connection: Where they are.
        name: How the user calls the database.

    Raises:
        StorageError: A later version has made them.
    """
    found = version_of(connection)
    if found > VERSION:
        raise StorageError(
            f"{name} was made by a later version of this program: its tables have version {found}, this program knows"
            f" {VERSION}. Install the later version."
        )
    if found == VERSION:
        return
    if found == 1:
        _from_1_to_2(connection)
    if found == 2:
        _add(connection, rows.c.identity, rows.c.cell, rows.c.configuration)
    if found >= 2:
        _add(connection, rows.c.role, rows.c.also)
        _add(connection, rows.c["draw"], rows.c.replicate, rows.c.drawn, rows.c.spared)
    metadata.create_all(connection)
    _place_draws(connection)
    connection.execute(sa.delete(schema))
    connection.execute(sa.insert(schema).values(version=VERSION))


def _add(connection: sa.Connection, *columns: sa.Column[Any]) -> None:
    """Add columns to the rows; the next command of a study fills them in."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(rows.name)}
    for column in columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {rows.name} ADD COLUMN {column.name} {kind}"))


def _place_draws(connection: sa.Connection) -> None:
    """Give rows that a sampler draws the place that their key has named so far; the key stays."""
    drawn = connection.execute(sa.select(rows.c.id, rows.c.key).where(rows.c.key.startswith("draw-"))).all()
    for row in drawn:
        place = {"draw": int(row.key.removeprefix("draw-")), "replicate": 0}
        connection.execute(sa.update(rows).where(rows.c.id == row.id).values(**place))


def _from_1_to_2(connection: sa.Connection) -> None:
    """Give the rows of each study its key in place of its number; rows of a study that was deleted go."""
    there = [table for table in (rows, events) if sa.inspect(connection).has_table(table.name)]
    for table in there:
        for index in table.indexes:
            connection.execute(sa.text(f"DROP INDEX IF EXISTS {index.name}"))
        connection.execute(sa.text(f"ALTER TABLE {table.name} RENAME TO {table.name}{_OLD}"))
    metadata.create_all(connection)
    query = "SELECT study_id, value_json FROM study_user_attributes WHERE key = 'key'"
    keys = {found.study_id: json.loads(found.value_json) for found in connection.execute(sa.text(query))}
    for table in there:
        old = sa.Table(table.name + _OLD, sa.MetaData(), autoload_with=connection)
        kept = [column.name for column in old.columns if column.name not in ("id", "study_id")]
        for study_id, key in keys.items():
            moved = sa.select(sa.literal(key), *(old.c[name] for name in kept)).where(old.c.study_id == study_id)
            target = sa.table(table.name, *map(sa.column, ("study_key", *kept)))
            connection.execute(sa.insert(target).from_select(["study_key", *kept], moved.order_by(old.c.id)))
        connection.execute(sa.text(f"DROP TABLE {old.name}"))
