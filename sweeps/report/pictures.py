"""The kinds of pictures. A further one is a function that gives panels, and an entry in `PICTURES`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sweeps.report.findings import Findings
from sweeps.report.panels.cells import cost_panels, parallel_panels, pareto_panels
from sweeps.report.panels.lines import curve_panels, effect_panels
from sweeps.report.panels.matrices import confusion_panels
from sweeps.report.panels.panel import Panel
from sweeps.report.panels.studies import importance_panels, rank_panels, timeline_panels


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A kind of picture.

    Attributes:
        title: Its heading on the page.
        panels: The pictures of this kind that findings give, the most telling first.
        how: How it is read.
        needs: What a study has to have; said where there is no panel.
        most: How many of them the page shows.
    """

    title: str
    panels: Callable[[Findings], Iterator[Panel]]
    how: str
    needs: str
    most: int = 4


PICTURES = {
    "curves": Picture(
        title="Learning curves",
        panels=curve_panels,
        how="A line is the mean over the seeds of a cell, a band its 95 % t interval. Fewer than three seeds have no "
        "band: each is a thin line.",
        needs="a completed trial that has recorded a metric more than once",
    ),
    "effects": Picture(
        title="Metrics against swept numbers",
        panels=effect_panels,
        how="A small point is one trial, a line joins the means, and a band is the 95 % t interval of a mean of three "
        "values or more.",
        needs="a key with two numbers or more among the completed trials",
        most=6,
    ),
    "pareto": Picture(
        title="Trade-offs",
        panels=pareto_panels,
        how="A point is the mean of a cell. No cell is better in both metrics than one on the line. "
        "An arrow says which way is better.",
        needs="two metrics of known direction that no cell is best in both of",
        most=3,
    ),
    "parallel": Picture(
        title="Parallel coordinates",
        panels=parallel_panels,
        how="A line is a cell: where it crosses an axis is its value there.",
        needs="two varied keys and two cells with a result",
    ),
    "confusion": Picture(
        title="Which class was taken for which",
        panels=confusion_panels,
        how="At the test of the best trial. A row is a true class, a column a predicted one; the stronger the colour, "
        "the larger the share of the row.",
        needs="a best trial that has left `confusion.json`, with `tables` of `name`, `classes` and `counts`",
        most=6,
    ),
    "importance": Picture(
        title="Importance of the keys",
        panels=importance_panels,
        how="What tells the best tenth of the trials from all of them, as shares of 1 (PED-ANOVA, as Optuna computes "
        "it). It says nothing of the sign, nor of keys that act together.",
        needs="ten completed trials of one study with a value, and two varied keys",
        most=3,
    ),
    "cost": Picture(
        title="What it costs",
        panels=cost_panels,
        how="A point is the mean of a cell. Seconds are those of a whole trial, beside whatever else ran.",
        needs="cells of different size or duration",
        most=3,
    ),
    "ranks": Picture(
        title="Critical differences",
        panels=rank_panels,
        how="Mean ranks over data sets. A bar joins those that Nemenyi's test at 0.05 does not tell apart (Demsar "
        "2006).",
        needs="six data sets, each with a value of each method",
        most=3,
    ),
    "timeline": Picture(
        title="Workers and slots",
        panels=timeline_panels,
        how="A bar is an attempt of a trial, a row is room for one trial. The number is that of the trial.",
        needs="a trial that has started",
    ),
}
