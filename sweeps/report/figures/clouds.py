"""Points: one metric against another with the front of those that none beats, and a metric against its cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sweeps.report.figures.style import (
    COLUMN_MM,
    DASHES,
    INK,
    MARKERS,
    PALETTE,
    fit_x,
    height_with_legend,
    legend_above,
    new_axes,
    shortened,
    styled,
)
from sweeps.report.statistics.fronts import front

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT_MM = 62.0
_MAX_NAMED = 8
_LETTER_FRAC = 0.017
"""Width of a letter of a label, as part of the axes."""
_LABEL_FRAC = 0.18, 0.05
"""Width and height of a label, as parts of the axes."""
_ARROWS = {"max": "\u2191", "min": "\u2193"}
"""Which way is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Points of one colour and marker.

    Attributes:
        name: What the legend calls them.
        x: One value per point.
        y: One value per point.
        labels: What each point is; empty: they have no names.
        colour: Place of its colour; None: that of the cloud among all.
        marker: Place of its marker; None: that of the cloud among all.
        only_x: Values of x of what has no y: a line across each.
        only_y: The same of y.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str] = ()
    colour: int | None = None
    marker: int | None = None
    only_x: Sequence[float] = ()
    only_y: Sequence[float] = ()


@styled
def pareto(clouds: Sequence[Cloud], x_label: str, y_label: str, directions: tuple[str, str]) -> "Figure":
    """Two metrics, with a line through the points that no other point beats in both.

    Args:
        clouds: At most as many as there are colours.
        x_label: One metric.
        y_label: The other one.
        directions: `max` or `min` of x and of y.
    """
    figure, axes = _drawn(clouds, x_label, y_label)
    points = [(x, y, label) for cloud in clouds for x, y, label in _labelled(cloud)]
    best = sorted(points[i] for i in front([point[:2] for point in points], directions))
    # Between two of them lies what both beat: the way goes along the worse value of each.
    where: Literal["post", "pre"] = "post" if directions[0] == "min" else "pre"
    axes.step([x for x, _, _ in best], [y for _, y, _ in best], where=where, color=INK, linewidth=0.8, zorder=1)
    # On the side of what is better no point can be. It needs room.
    beside = (3 if directions[0] == "max" else -3, 3 if directions[1] == "max" else -3)
    ha: Literal["left", "right"] = "left" if directions[0] == "max" else "right"
    va: Literal["bottom", "top"] = "bottom" if directions[1] == "max" else "top"
    named = [(x, y, shortened(label, 24)) for x, y, label in best if label]
    low, high = axes.get_xlim()
    # A label is a part of the axes, which grow with the room for it.
    parts = [(x, _LETTER_FRAC * (len(label) + 1)) for x, _, label in named]
    if ha == "right":
        axes.set_xlim(left=min([low, *((x - part * high) / (1 - part) for x, part in parts)]))
    else:
        axes.set_xlim(right=max([high, *((x - part * low) / (1 - part) for x, part in parts)]))
    for x, y, label in _apart(axes, named)[:_MAX_NAMED]:
        axes.annotate(label, (x, y), xytext=beside, textcoords="offset points", fontsize=6, ha=ha, va=va)
    axes.set_xlabel(f"{shortened(x_label)} {_ARROWS[directions[0]]}")
    axes.set_ylabel(f"{shortened(y_label, 34)} {_ARROWS[directions[1]]}")
    return figure


@styled
def cost(clouds: Sequence[Cloud], x_label: str, y_label: str) -> "Figure":
    """A metric against what it costs: parameters, operations or seconds.

    Args:
        clouds: At most as many as there are colours.
        x_label: The cost, with its unit.
        y_label: The metric.
    """
    figure, axes = _drawn(clouds, x_label, y_label)
    fit_x(axes, [x for cloud in clouds for x in cloud.x])
    return figure


def _drawn(clouds: Sequence[Cloud], x_label: str, y_label: str) -> "tuple[Figure, Axes]":
    figure, axes = new_axes(COLUMN_MM, height_with_legend(_HEIGHT_MM, len(clouds)))
    for i, cloud in enumerate(clouds):
        colour = PALETTE[i if cloud.colour is None else cloud.colour]
        marker = MARKERS[i if cloud.marker is None else cloud.marker]
        name = shortened(cloud.name)
        axes.plot(cloud.x, cloud.y, color=colour, marker=marker, linestyle="none", label=name, zorder=2)
        for across, values in ((axes.axvline, cloud.only_x), (axes.axhline, cloud.only_y)):
            for value in values:
                across(value, color=colour, linestyle=DASHES[2], linewidth=0.8, zorder=1)
    axes.margins(0.08)
    axes.set_xlabel(shortened(x_label))
    axes.set_ylabel(shortened(y_label, 34))
    legend_above(figure, axes)
    return figure, axes


def _apart(axes: "Axes", points: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Those whose labels do not lie on one another."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    kept: list[tuple[float, float, str]] = []
    for x, y, label in points:
        is_near = (
            abs(x - other_x) < _LABEL_FRAC[0] * (right - left) and abs(y - other_y) < _LABEL_FRAC[1] * (high - low)
            for other_x, other_y, _ in kept
        )
        if not any(is_near):
            kept.append((x, y, label))
    return kept


def _labelled(cloud: Cloud) -> list[tuple[float, float, str]]:
    return list(zip(cloud.x, cloud.y, cloud.labels or [""] * len(cloud.x), strict=True))
