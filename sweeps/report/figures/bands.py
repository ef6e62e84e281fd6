"""Lines with bands: how a metric goes on, and what it is at each value of a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.report.figures.style import (
    COLUMN_MM,
    DASHES,
    MARKERS,
    PALETTE,
    fit_x,
    height_with_legend,
    legend_above,
    new_axes,
    shortened,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT_MM = 58.0
_MAX_MARKED = 15
"""Points of a line that has a marker at each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line.

    Attributes:
        name: What the legend calls it.
        x: Where it has a value, ascending.
        mean: One value per x.
        low: Lower end of the band per x; NaN where there is none. Empty: no band at all.
        high: Upper end.
        single: Values that are drawn by themselves: points, or thin lines of one sample each.
    """

    name: str
    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    single: Sequence[tuple[Sequence[float], Sequence[float]]] = ()


@styled
def curves(series: Sequence[Series], x_label: str, y_label: str) -> "Figure":
    """Metrics over steps or epochs, a line per series with its band; a lone sample is a thin line.

    Args:
        series: At most as many as there are colours.
        x_label: Of the axis, with its unit.
        y_label: Of the axis.
    """
    figure, axes = new_axes(COLUMN_MM, height_with_legend(_HEIGHT_MM, len(series)))
    for i, one in enumerate(series):
        for x, y in one.single:
            axes.plot(x, y, color=PALETTE[i], linewidth=0.5, alpha=0.55)
        _line(axes, one, i)
    axes.locator_params(axis="x", integer=True)
    _finish(figure, axes, x_label, y_label)
    return figure


@styled
def effects(series: Sequence[Series], x_label: str, y_label: str) -> "Figure":
    """A metric at each value of a number, a line per series with its band; each result is a small point.

    Args:
        series: At most as many as there are colours.
        x_label: The number.
        y_label: The metric.
    """
    figure, axes = new_axes(COLUMN_MM, height_with_legend(_HEIGHT_MM, len(series)))
    for i, one in enumerate(series):
        for x, y in one.single:
            axes.plot(x, y, color=PALETTE[i], marker=MARKERS[i], markersize=2, linestyle="none", alpha=0.5)
        _line(axes, one, i)
    values = [x for one in series for x in one.x] + [x for one in series for xs, _ in one.single for x in xs]
    fit_x(axes, values, num_ticks=5)  # labels such as 0.0125 would stand in each other
    _finish(figure, axes, x_label, y_label)
    return figure


def _line(axes: "Axes", one: Series, i: int) -> None:
    if not len(one.x):
        axes.plot([], [], color=PALETTE[i], marker=MARKERS[i], linestyle="none", label=shortened(one.name))
        return
    marker = MARKERS[i] if len(one.x) <= _MAX_MARKED else ""
    axes.plot(one.x, one.mean, color=PALETTE[i], linestyle=DASHES[i], marker=marker, label=shortened(one.name))
    if len(one.low):
        axes.fill_between(one.x, one.low, one.high, color=PALETTE[i], alpha=0.16, linewidth=0)


def _finish(figure: "Figure", axes: "Axes", x_label: str, y_label: str) -> None:
    axes.set_xlabel(shortened(x_label))
    axes.set_ylabel(shortened(y_label, 36))
    legend_above(figure, axes)
