"""A square of counts: which answer was given for which truth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweeps.report.figures.style import COLUMN_MM, INK, PALETTE, new_axes, shortened, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME_MM, _LARGEST_MM = 18.0, 74.0
_MAX_NUMBERS, _MAX_TICKS = 12, 20
MAX_CELLS = 1_000
"""Of one picture: ten thousand squares are a megabyte."""

_DARKEST = 0.6
"""Of the colour: a number on it is still read."""


@styled
def squares(counts: Sequence[Sequence[int]], classes: Sequence[str], name: str) -> "Figure":
    """A row per truth, a column per answer; the darker, the larger the share of its row.

    Args:
        counts: As many rows as columns.
        classes: A name per row.
        name: What was answered.
    """
    size = len(classes)
    figure, axes = new_axes(COLUMN_MM, _FRAME_MM + min(_LARGEST_MM, 12.0 + 7.0 * size))
    _draw_cells(axes, counts)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.grid(visible=False)
    shown = range(0, size, -(-size // _MAX_TICKS))
    names = [shortened(classes[i], 10) for i in shown]
    is_long = max(map(len, names)) > 3
    axes.set_xticks(list(shown), names, rotation=90 if is_long else 0)
    axes.set_yticks(list(shown), names)
    axes.tick_params(length=0)
    axes.set_xlabel(f"{shortened(name, 24)}, predicted")
    axes.set_ylabel(f"{shortened(name, 24)}, true")
    return figure


def shown_cells(counts: Sequence[Sequence[int]]) -> list[tuple[int, int, float]]:
    """Row, column and share of its row of each cell that is drawn: the largest shares, and none of 0."""
    found = [
        (i, j, count / total)
        for i, row in enumerate(counts)
        if (total := sum(row))
        for j, count in enumerate(row)
        if count
    ]
    return sorted(found, key=lambda cell: -cell[2])[:MAX_CELLS]


def _draw_cells(axes: "Axes", counts: Sequence[Sequence[int]]) -> None:
    from matplotlib.patches import Rectangle

    for i, j, share in shown_cells(counts):
        square = Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=PALETTE[0], alpha=_DARKEST * share, linewidth=0)
        axes.add_patch(square)
        if len(counts) <= _MAX_NUMBERS:
            axes.text(j, i, f"{counts[i][j]}", color=INK, fontsize=6, ha="center", va="center")
