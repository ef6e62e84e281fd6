"""New rows of a study, and which rows are of which of its configurations."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sweeps.study.schema import rows
from sweeps.values import leaves_of

Wanted = Callable[[Sequence[Any]], Sequence[Mapping[str, Any]]]
"""Says which rows there should be beside those that are there."""


def is_of(configuration: int | None) -> sa.ColumnElement[bool]:
    """Whether a row is of this configuration of its study; one that names none is of each."""
    if configuration is None:
        return sa.true()
    return sa.or_(rows.c.configuration.is_(None), rows.c.configuration == configuration)


def points(wanted: Sequence[Mapping[str, Any]]) -> Wanted:
    """These rows; one whose `key` or identity is there already stays as it is."""
    return lambda there: wanted


def draws(num_draws: int, num_seeds: int, configuration: int | None) -> Wanted:
    """As many rows for a sampler as one configuration still lacks: for each draw one per seed."""

    def missing(there: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        drawn = [row for row in there if row.draw is not None]
        ours = [row for row in drawn if configuration is None or row.configuration in (None, configuration)]
        known = dict.fromkeys(row.draw for row in ours)
        free = itertools.count(max((row.draw for row in drawn), default=-1) + 1)
        places = [*known, *itertools.islice(free, max(0, num_draws - len(known)))][:num_draws]
        taken = {(row.draw, row.replicate) for row in ours}
        wanted = [(place, seed) for place in places for seed in range(num_seeds) if (place, seed) not in taken]
        return [_undrawn(place, seed, configuration) for place, seed in wanted]

    return missing


def _undrawn(place: int, seed: int, configuration: int | None) -> Mapping[str, Any]:
    empty = {"overrides": None, "varied": None, "configuration": configuration}
    return {"key": f"draw-{place}.{seed}", "draw": place, "replicate": seed, **empty}


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
