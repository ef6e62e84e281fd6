"""Headings of columns that come from different origins and may have the same name."""

from collections.abc import Sequence
from typing import Literal

Origin = Literal["key", "study", "objective", "metric"]
"""An override key, what the study itself records (state, n, seconds, ...), what a trial returned, what it recorded."""

_PRECEDENCE: tuple[Origin, ...] = ("key", "study", "objective", "metric")


def headings(columns: Sequence[tuple[Origin, str]]) -> list[str]:
    """One heading per column, each different from all others.

    An override key always keeps its name. Columns of the study, then objectives, then metrics keep theirs where it is
    free; otherwise their origin stands in front:

        >>> headings([("study", "n"), ("key", "loss"), ("key", "n"), ("metric", "loss"), ("metric", "acc")])
        ['study/n', 'loss', 'n', 'metric/loss', 'acc']

    Args:
        columns: Origin and name of each column; no name occurs twice in one origin.
    """
    made: dict[tuple[Origin, str], str] = {}
    taken: set[str] = set()
    for origin, name in sorted(columns, key=lambda column: _PRECEDENCE.index(column[0])):
        heading = name
        while heading in taken:
            heading = f"{origin}/{heading}"
        taken.add(heading)
        made[origin, name] = heading
    return [made[column] for column in columns]
