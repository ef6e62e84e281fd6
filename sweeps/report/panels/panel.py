"""One picture that can be drawn, and a few of many points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_POINTS = 200
"""Of one picture: more make a page of many megabytes, and hide each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A picture of some numbers, not drawn yet.

    Attributes:
        name: What it shows, such as `test/acc against lr`.
        draw: Makes the figure.
        metric: Which metric it is about; empty: none.
        key: Which key it is about; empty: none.
        note: What a reader has to know of this one; empty: nothing.
    """

    name: str
    draw: "Callable[[], Figure]"
    metric: str = ""
    key: str = ""
    note: str = ""


def some_of(rows: Sequence[int], most: int = MAX_POINTS) -> list[int]:
    """At most so many rows: the first half of them from the beginning, the others evenly out of the rest."""
    if len(rows) <= most:
        return list(rows)
    first, rest = rows[: most // 2], rows[most // 2 :]
    wanted = most - len(first)
    return [*first, *(rest[i * len(rest) // wanted] for i in range(wanted))]


def left_out(shown: int, total: int, what: str) -> str:
    """Says that a picture has not all there is; empty where it has."""
    if shown >= total:
        return ""
    return f"{shown:,} of {total:,} {what}: the best, and of the others an even choice."
