"""Who worked when: a lane per slot of a worker, or how many trials ran at a time where there are very many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.report.figures.style import INK, PAGE_MM, PALETTE, PAPER, new_axes, shortened, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS: Mapping[str, str] = {
    "completed": PALETTE[0], "pruned": PALETTE[5], "failed": PALETTE[1], "cut short": PALETTE[4], "running": PALETTE[3],
}  # fmt: skip
HATCHES: Mapping[str, str] = {"failed": "xxxxx", "cut short": "/////", "pruned": "....."}
"""How an attempt ended is in the hatching, too: bars have no markers."""

_LANE_MM, _FRAME_MM = 4.5, 18.0
_UNITS = ((2 * 86_400.0, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (180.0, 60.0, "minutes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One attempt.

    Attributes:
        lane: Which lane it is on.
        start_s: Seconds since the study began.
        end_s: The same.
        state: How it ended; one of `COLOURS`.
        number: Of the trial.
    """

    lane: int
    start_s: float
    end_s: float
    state: str
    number: int


@styled
def timeline(bars: Sequence[Bar], lanes: Sequence[str]) -> "Figure":
    """A bar per attempt, on the lane of its slot, with the number of its trial where there is room.

    Args:
        bars: One or more.
        lanes: What each lane is called.
    """
    figure, axes = new_axes(PAGE_MM, _FRAME_MM + _LANE_MM * len(lanes))
    end_s = max(bar.end_s for bar in bars)
    factor, unit = unit_of(end_s)
    for state, colour in COLOURS.items():
        some = [bar for bar in bars if bar.state == state]
        if some:
            lengths = [(bar.end_s - bar.start_s) / factor for bar in some]
            starts = [bar.start_s / factor for bar in some]
            drawn = axes.barh([bar.lane for bar in some], lengths, left=starts, height=0.7, label=state)
            for patch in drawn:
                patch.set(facecolor=colour, edgecolor=INK, linewidth=0.3, hatch=HATCHES.get(state, ""))
    room_s = end_s * 0.022
    for bar in bars:
        if bar.end_s - bar.start_s > room_s and bar.state not in HATCHES:
            middle = (bar.start_s + bar.end_s) / 2 / factor
            axes.text(middle, bar.lane, str(bar.number), ha="center", va="center", fontsize=5.5, color=PAPER)
    axes.set_yticks(range(len(lanes)), [shortened(lane, 30) for lane in lanes])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{unit} since the start")
    figure.legend(loc="outside upper left", ncols=len(COLOURS), borderaxespad=0.2, handlelength=1.6)
    return figure


@styled
def load(times_s: Sequence[float], running: Sequence[int]) -> "Figure":
    """How many trials ran at a time.

    Args:
        times_s: When the number changed, in seconds since the study began.
        running: The number from then on.
    """
    figure, axes = new_axes(PAGE_MM, 45.0)
    factor, unit = unit_of(max(times_s, default=0.0))
    axes.fill_between([t / factor for t in times_s], running, step="post", color=PALETTE[0], alpha=0.35, linewidth=0)
    axes.step([t / factor for t in times_s], running, where="post", color=PALETTE[0], linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{unit} since the start")
    axes.set_ylabel("trials at a time")
    return figure


def unit_of(seconds: float) -> tuple[float, str]:
    """In what a span of time is shown: seconds per unit, and its name."""
    return next(((factor, name) for least, factor, name in _UNITS if seconds > least), (1.0, "seconds"))
