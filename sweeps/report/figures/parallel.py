"""Parallel coordinates: an axis per key and per objective, a line per cell, the best of them in colour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.report.figures.style import INK, PAGE_MM, PALETTE, new_axes, shortened, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT_MM = 70.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One axis.

    Attributes:
        name: What stands above it.
        places: Where each line crosses it, 0 at the bottom and 1 at the top; NaN where the line has no value.
        ticks: Place and label of what is written beside it.
    """

    name: str
    places: Sequence[float]
    ticks: Sequence[tuple[float, str]]


@styled
def parallel(scales: Sequence[Scale], best: Sequence[int]) -> "Figure":
    """A line per cell through all axes.

    Args:
        scales: Two or more, each with a place per line.
        best: Which lines are drawn in colour, above the others.
    """
    figure, axes = new_axes(PAGE_MM, _HEIGHT_MM)
    xs = range(len(scales))
    chosen = set(best)
    for line in range(len(scales[0].places)):
        is_best = line in chosen
        colour, width, alpha = (PALETTE[1], 1.2, 0.9) if is_best else (INK, 0.5, 0.25)
        # Past an axis on which a cell has no value the line goes straight on.
        known = [(x, y) for x, scale in zip(xs, scales, strict=True) if not math.isnan(y := scale.places[line])]
        axes.plot(
            [x for x, _ in known],
            [y for _, y in known],
            color=colour,
            linewidth=width,
            alpha=alpha,
            zorder=3 if is_best else 2,
        )
    for x, scale in enumerate(scales):
        axes.axvline(x, color=INK, linewidth=0.6, zorder=1)
        for place, label in scale.ticks:
            box = {"facecolor": "none", "edgecolor": "none", "pad": 0.5}
            axes.text(x + 0.02, place, shortened(label, 16), fontsize=6, va="center", bbox=box, zorder=4)
    axes.set_xticks(list(xs), [shortened(scale.name, 24) for scale in scales])
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0)
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(scales) - 0.6)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
