"""Horizontal bars: how much each key has to do with a good result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweeps.report.figures.style import COLUMN_MM, PALETTE, new_axes, shortened, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW_MM, _FRAME_MM = 5.0, 14.0


@styled
def bars(shares: Mapping[str, float], x_label: str) -> "Figure":
    """A bar per name with its number beside it, the longest first.

    Args:
        shares: Name to length, from 0 on.
        x_label: What the lengths are.
    """
    ordered = sorted(shares.items(), key=lambda share: -share[1])
    figure, axes = new_axes(COLUMN_MM, _FRAME_MM + _ROW_MM * len(ordered))
    rows = range(len(ordered))
    drawn = axes.barh(rows, [share for _, share in ordered], height=0.6, color=PALETTE[0])
    axes.bar_label(drawn, [f"{share:.2f}" for _, share in ordered], padding=2, fontsize=6.5)
    axes.set_yticks(rows, [shortened(name, 30) for name, _ in ordered])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.15 * max((share for _, share in ordered), default=1.0) or 1.0)
    axes.invert_yaxis()
    axes.set_xlabel(shortened(x_label))
    return figure
