"""How every picture looks: sizes for a column of a paper, text as it is written, colours that all eyes tell apart."""

import functools
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_MM, PAGE_MM = 85.0, 174.0
"""Width of one column of a paper, and of both."""

INK, FAINT = "#1a1a1b", "#c9ccd1"
"""Text and axes; the grid. The page has its own colours in their places."""

PALETTE = ("#0072b2", "#d55e00", "#4c2642", "#6815d6", "#690601", "#b67f76")
"""On white: at least 3 : 1 each, and told apart with any colour blindness (Machado et al. 2009)."""

PALETTE_DARK = ("#56b4e9", "#e69f00", "#992bdf", "#e2dbbe", "#56702c", "#c7127e")
"""The same on `PAPER_DARK`."""

PAPER, PAPER_DARK = "#ffffff", "#14171c"
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (7, 2)))
MAX_SERIES = len(PALETTE)
_MM_PER_INCH = 25.4
_MAX_LABEL = 44
_FEW_DECADES = 300
"""A range up to this factor has ticks at 1, 2 and 5 of each decade."""
_POINTS = 7.0

_RULES: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": _POINTS,
    "axes.labelsize": _POINTS,
    "axes.titlesize": _POINTS,
    "xtick.labelsize": _POINTS - 0.5,
    "ytick.labelsize": _POINTS - 0.5,
    "legend.fontsize": _POINTS - 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "lines.markeredgewidth": 0.0,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-4, 6),
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a key or a metric may hold a dollar
    "pdf.fonttype": 42,  # whole TrueType fonts: publishers refuse Type 3
    "svg.hashsalt": "sweeps",  # the same numbers give the same bytes
    # What a user's own matplotlibrc may have otherwise, and no picture of ours is to have.
    "text.usetex": False,
    "path.sketch": None,
    "path.effects": [],
    "savefig.bbox": None,
    "savefig.transparent": False,
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    "axes.xmargin": 0.05,
    "axes.ymargin": 0.05,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
}

P = ParamSpec("P")


@contextmanager
def rules() -> Iterator[None]:
    """Draw, and write files, by these rules; those of the application stay as they were."""
    # It logs that it has no folder for its cache, and that it makes one; no user can do anything about that.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    with matplotlib.rc_context(_RULES), warnings.catch_warnings():
        # A name may have signs that the font lacks; the browser has them.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield


def styled(draw: "Callable[P, Figure]") -> "Callable[P, Figure]":
    """A function that draws by the rules, and has everything in its place."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        with rules():
            figure = draw(*args, **kwargs)
            engine = figure.get_layout_engine()
            if engine is not None:
                engine.execute(figure)
            figure.set_layout_engine(None)  # else each file would be drawn once more, to lay it out again
            return figure

    return drawn


def new_axes(width_mm: float, height_mm: float) -> "tuple[Figure, Axes]":
    """An empty figure of this size, without a window and without a state that others share."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH), layout="constrained")
    return figure, figure.add_subplot()


def height_with_legend(height_mm: float, num_entries: int) -> float:
    """Height of a figure whose legend has an entry per line."""
    return height_mm + 3.4 * num_entries if num_entries > 1 else height_mm


def legend_above(figure: "Figure", axes: "Axes") -> None:
    """The names of the series above the axes, one per line; nothing where there is one series alone."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        figure.legend(handles, labels, loc="outside upper left", borderaxespad=0.2, labelspacing=0.25)


def shortened(text: str, limit: int = _MAX_LABEL) -> str:
    """A label that fits: of one that is too long the middle is left out."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = (limit - 1) // 2
    return f"{line[:head]}\u2026{line[len(line) - (limit - 1 - head) :]}"


def is_wide_range(values: Sequence[float]) -> bool:
    """Whether values are told apart on a logarithmic axis alone: all positive, and more than a factor of 30 apart."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 30


def fit_x(axes: "Axes", values: Sequence[float], num_ticks: int | None = None) -> None:
    """Make the x axis logarithmic where the values need it. Its numbers are plain: no dollar is read as mathematics.

    Args:
        axes: What the values are drawn on.
        values: All of x.
        num_ticks: At most so many on an axis that stays linear; None: as many as matplotlib wants.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if is_wide_range(values):
        axes.set_xscale("log")
        is_short = max(values) / min(values) < _FEW_DECADES
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if is_short else (1.0,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif num_ticks:
        axes.locator_params(axis="x", nbins=num_ticks)
