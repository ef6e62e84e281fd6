"""New rows of a study, and which rows are of which of its configurations."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sweeps.space import Point
from sweeps.study.schema import rows
from sweeps.values import leaves_of

OfDraw = Callable[[Sequence[Any]], Sequence[Point] | None]
"""What a line trains of a draw, by the rows of it: a point per seed. Empty before it is drawn, None where it is not of
what the line searches."""

Wanted = Callable[[Sequence[Any]], Sequence[Mapping[str, Any]]]
"""Says which rows there should be beside those that are there."""


def is_of(configuration: int | None) -> sa.ColumnElement[bool]:
    """Whether a row is of this configuration of its study; one that names none is of each."""
    if configuration is None:
        return sa.true()
    return sa.or_(rows.c.configuration.is_(None), rows.c.configuration == configuration)


def columns(point: Point) -> dict[str, str | None]:
    """A point as the ledger keeps it."""
    composed = {"identity": point.identity or None, "cell": point.cell or None, "role": point.role or None}
    kept = {"key": point.identity or point.key, "overrides": json.dumps(point.overrides)}
    return {**kept, "varied": json.dumps(point.varied), **composed}


def points(wanted: Sequence[Mapping[str, Any]]) -> Wanted:
    """These rows; one whose `key` or identity is there already stays as it is."""
    return lambda there: wanted


def draws(num_draws: int, num_seeds: int, configuration: int | None, of_draw: OfDraw | None = None) -> Wanted:
    """The rows for a sampler that one configuration still lacks: for each draw one per seed.

    Args:
        num_draws: Points that are to be drawn in the end.
        num_seeds: Trials of each.
        configuration: Whose rows count; None: all.
        of_draw: Says what is to be trained of a draw that is there; None: what it has.
    """

    def missing(there: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        known = {row.key for row in there} | {row.identity for row in there}
        groups: dict[int, list[Any]] = {}
        for row in there:
            if row.draw is not None and (configuration is None or row.configuration in (None, configuration)):
                groups.setdefault(row.draw, []).append(row)
        num_there, wanted = 0, list[Mapping[str, Any]]()
        for place, group in groups.items():
            points = of_draw(group) if of_draw else []
            if points is None or num_there == num_draws:
                continue
            num_there += 1
            taken = {row.replicate for row in group}
            if not points:
                wanted += [_undrawn(place, i, configuration) for i in range(num_seeds) if i not in taken]
            new = [row for row in map(columns, points) if row["key"] not in known]
            free = (i for i in itertools.count() if i not in taken)
            wanted += [{**row, "draw": place, "replicate": next(free), "configuration": configuration} for row in new]
        first = max((row.draw for row in there if row.draw is not None), default=-1) + 1
        places = range(first, first + num_draws - num_there)
        return [*wanted, *(_undrawn(place, i, configuration) for place in places for i in range(num_seeds))]

    return missing


def _undrawn(place: int, replicate: int, configuration: int | None) -> Mapping[str, Any]:
    row = {"key": f"draw-{place}.{replicate}", "draw": place, "replicate": replicate, "configuration": configuration}
    return row | dict.fromkeys(("overrides", "varied", "identity", "cell", "role"))


def insert(connection: sa.Connection, study_key: str, wanted: Wanted) -> int:
    """Open the rows that are new, and note what is new of those that are there; returns how many were new."""
    query = sa.select(rows)
    there = connection.execute(query.where(rows.c.study_key == study_key)).all()
    known = {row.key for row in there} | {row.identity for row in there}
    number = max((row.number for row in there), default=-1) + 1
    new: dict[str, dict[str, Any]] = {}
    asked = wanted(there)
    for row_id, values in _news(there, asked):
        connection.execute(sa.update(rows).where(rows.c.id == row_id).values(**values))
    for row in asked:
        if row["key"] not in known and row["key"] not in new:
            place = {"study_key": study_key, "number": number + len(new), "state": "open"}
            new[row["key"]] = {**row, **place}
    if new:
        connection.execute(sa.insert(rows), list(new.values()))
    return len(new)


def _news(there: Sequence[Any], asked: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """What is new of rows that are there: their role, and keys that vary now and had their usual value before."""
    points = {row["key"]: row for row in asked if row["overrides"]}
    for row in there:
        point = points.get(row.identity or row.key)
        if point is None or row.overrides is None:
            continue
        overrides, also = json.loads(point["overrides"]), json.loads(row.also or "{}")
        known = {key.lstrip("+") for key, _ in _opened({**json.loads(row.overrides), **also})}
        varied = _opened({key: overrides[key] for key in json.loads(point["varied"])})
        new = {key: text for key, text in varied if key.lstrip("+") not in known}
        values = {"also": json.dumps({**also, **new})} if new else {}
        if point["role"] and point["role"] != row.role:
            values["role"] = point["role"]
        if values:
            yield row.id, values


def _opened(overrides: Mapping[str, str]) -> list[tuple[str, str]]:
    return [leaf for key, text in overrides.items() for leaf in leaves_of(key, text)]
