"""Critical differences (Demsar 2006): mean ranks over data sets, and bars over those that are not told apart."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweeps.report.figures.style import COLUMN_MM, INK, PALETTE, new_axes, shortened, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW_MM, _FRAME_MM = 5.0, 20.0


@styled
def critical_differences(mean_ranks: Mapping[str, float], critical: float, num_blocks: int) -> "Figure":
    """A row per method at its mean rank; a bar joins methods whose ranks differ by less than the critical difference.

    Args:
        mean_ranks: Method to mean rank; 1 is best.
        critical: Nemenyi's critical difference.
        num_blocks: Data sets.
    """
    ordered = sorted(mean_ranks.items(), key=lambda rank: rank[1])
    figure, axes = new_axes(COLUMN_MM, _FRAME_MM + _ROW_MM * len(ordered))
    ranks = [rank for _, rank in ordered]
    axes.plot(ranks, range(len(ranks)), color=PALETTE[0], marker="o", linestyle="none")
    for row, rank in enumerate(ranks):
        axes.annotate(f"{rank:.2f}", (rank, row), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=6)
    for first, last in alike(ranks, critical):
        axes.plot([ranks[first]] * 2, [first, last], color=INK, linewidth=0.6)
        axes.plot([ranks[first], ranks[last]], [last, last], color=INK, linewidth=1.6, alpha=0.6)
    axes.set_yticks(range(len(ranks)), [shortened(name, 30) for name, _ in ordered])
    axes.set_ylim(len(ranks) - 0.4, -0.8)
    axes.margins(x=0.12)
    axes.set_xlabel(f"mean rank over {num_blocks} data sets, 1 is best; critical difference {critical:.2f}")
    return figure


def alike(ranks: list[float], critical: float) -> list[tuple[int, int]]:
    """First and last of each longest run of sorted ranks that lie within the critical difference."""
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = max(i for i, other in enumerate(ranks) if other - rank < critical)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
