"""Which trials of a study ran the configuration of today, and what becomes of the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.space import Point
from sweeps.study.events import Note
from sweeps.study.records import point_of

Identify = Callable[[Point], Point]
"""Composes a point and gives it its identity."""

_CHANGED = "its configuration has changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row is under the configuration of today.

    Attributes:
        row: The row of the ledger.
        point: Its point as it composes today; None while a sampler has not drawn it.
        was_current: Whether it was of the configuration before.
        is_same: Whether it composes to what it ran, or will run.
    """

    row: Any
    point: Point | None
    was_current: bool
    is_same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The rows of a study, compared with what they compose to today.

    Attributes:
        rows: By number.
        before: Which configuration the study had, counted from 1; None: nobody has counted yet.
    """

    rows: tuple[Row, ...]
    before: int | None

    @property
    def outdated(self) -> tuple[int, ...]:
        """Numbers of the trials that today would run something else."""
        return tuple(row.row.number for row in self.rows if row.was_current and not row.is_same)

    @property
    def is_changed(self) -> bool:
        return any(row.was_current != row.is_same for row in self.rows)

    @property
    def today(self) -> int:
        """Which configuration of the study this is."""
        return (self.before or 1) + (self.before is not None and self.is_changed)

    @property
    def identities(self) -> set[str]:
        """The points of today that the study has."""
        return {row.point.identity for row in self.rows if row.point and row.is_same}

    def updates(self) -> Iterator[tuple[Any, Mapping[str, Any], Note | None]]:
        """What changes in the ledger: row, values, and what to tell of it."""
        known = self.identities
        for row in self.rows:
            values: dict[str, Any] = {"configuration": self.today}
            if row.point is not None:
                values |= {"identity": row.point.identity, "cell": row.point.cell or None}
            if row.is_same:
                if any(getattr(row.row, name) != value for name, value in values.items()):
                    yield row.row, values, None
            elif row.was_current and row.row.state == "open" and row.point and row.point.identity not in known:
                # It has no result that could be mistaken for one of today: it will run what it is now.
                known.add(row.point.identity)
                is_draw = row.row.key.startswith("draw-")
                again = Note(what="restarted", why=_CHANGED) if row.row.attempt else None
                yield row.row, {**values, **({} if is_draw else {"key": row.point.identity})}, again


def compare(rows: Sequence[Any], identify: Identify) -> Comparison:
    """Compose every point of a study again.

    Args:
        rows: The study's rows.
        identify: Composes a point.
    """
    before = max((row.configuration for row in rows if row.configuration is not None), default=None)
    return Comparison(rows=tuple(_compared(row, before, identify) for row in rows), before=before)


def _compared(row: Any, before: int | None, identify: Identify) -> Row:
    was_current = row.configuration in (None, before)
    point = point_of(row)
    if point is None:
        return Row(row=row, point=None, was_current=was_current, is_same=was_current)
    point = identify(point)
    # An earlier version kept no identity: its points are known by their overrides, as they were then.
    is_same = was_current if row.identity is None else row.identity == point.identity
    return Row(row=row, point=point, was_current=was_current, is_same=is_same)
