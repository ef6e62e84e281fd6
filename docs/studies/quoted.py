"""Writes the numbers that a page quotes into it: `python docs/studies/quoted.py mnist-trials.csv mnist.md`.

Everything is computed from the raw frame, which `sweeps table STUDY --trials` has written. Seeds are pairs.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from textwrap import wrap

import numpy as np
import pandas as pd

from sweeps.report.statistics.comparisons import ALPHA, Array, compared, detectable, holm, paired_t
from sweeps.report.statistics.summaries import summarise, t_factor
from sweeps.report.statistics.tasks import delta_m

WEIGHT, SCORE, BALANCER = "model.loss_weights.", "val/score_best", "model/balancer"
START, END = "<!-- written by quoted.py -->", "<!-- until here -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A weighting or a balancer, with its trials in the order of their seeds."""

    weights: tuple[float, ...]
    balancer: str
    trials: pd.DataFrame

    @property
    def name(self) -> str:
        return self.balancer or "/".join(f"{weight:.3g}" for weight in self.weights)

    @property
    def trains_all(self) -> bool:
        return all(weight > 0 for weight in self.weights)

    def values(self, metric: str) -> Array:
        return self.trials[metric].to_numpy(dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The cells of one architecture."""

    heads: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def measures(self) -> list[str]:
        """The test metric of each head."""
        known = self.cells[0].trials.columns
        return [
            next(f"test/{head}_{kind}" for kind in ("acc", "mae") if f"test/{head}_{kind}" in known)
            for head in self.heads
        ]

    @property
    def full(self) -> list[Cell]:
        """Those that train all heads."""
        return [cell for cell in self.cells if cell.trains_all]

    @property
    def equal(self) -> Cell:
        return next(cell for cell in self.full if not cell.balancer and len(set(cell.weights)) == 1)

    @property
    def chosen(self) -> Cell:
        """The weighting with the best mean of the objective, which is of validation."""
        return max((cell for cell in self.full if not cell.balancer), key=lambda cell: cell.values(SCORE).mean())

    @property
    def single(self) -> dict[str, float]:
        """Measure to its mean over the seeds of the network that trains this head alone."""
        return {
            measure: float(cell.values(measure).mean())
            for own, measure in enumerate(self.measures)
            for cell in self.cells
            if cell.weights[own] > 0 and sum(weight > 0 for weight in cell.weights) == 1
        }

    def gains(self, cell: Cell) -> Array:
        """Gain over single-task networks in percent, one per seed."""
        ways = {measure: "max" if measure.endswith("acc") else "min" for measure in self.measures}
        rows = cell.trials[self.measures].to_dict("records")
        return np.array([delta_m({str(name): value for name, value in row.items()}, self.single, ways) for row in rows])


def main(frame: Path, page: Path) -> None:
    """Put the tables between the two marks of the page."""
    before, _, after = (part for part in page.read_text().replace(END, START).split(START))
    page.write_text(f"{before}{START}\n{quoted(pd.read_csv(frame))}\n{END}{after}")


def quoted(frame: pd.DataFrame) -> str:
    """The tables of each architecture."""
    models = sorted(frame["model"].unique()) if "model" in frame else [""]
    texts = []
    for model in models:
        group = grouped(frame[frame["model"] == model] if model else frame)
        parts = ["\n".join(part) for part in (methods(group), more_seeds(group), told_apart(group), shares(group))]
        texts += [f"### {model}", *parts] if models[1:] else parts
    return "\n\n".join(texts)


def grouped(frame: pd.DataFrame) -> Group:
    """The cells of trials of one architecture."""
    keys = [column for column in frame.columns if column.startswith(WEIGHT)]
    by = (
        frame.assign(**{BALANCER: frame[BALANCER].fillna("")})
        .sort_values("seed")
        .groupby([*keys, BALANCER], sort=False)
    )
    cells = [
        Cell(weights=tuple(trials[keys].iloc[0]), balancer=trials[BALANCER].iloc[0], trials=trials) for _, trials in by
    ]
    return Group(heads=tuple(key.removeprefix(WEIGHT) for key in keys), cells=tuple(cells))


def methods(group: Group) -> Iterator[str]:
    """The chosen weighting, equal weights and the balancers beside single-task networks."""
    measures = [measure.removeprefix("test/") for measure in group.measures]
    yield f"| method | {SCORE} | {' | '.join(measures)} | Δm % | Δm - Δm of equal | p (Holm) | would show |"
    yield "|---|---|" + "---|" * len(measures) + "---|---|---|---|"
    single = " | ".join(digits(group.single[measure]) for measure in group.measures)
    yield f"| each head alone | | {single} | 0 | | | |"
    rows = [group.equal, group.chosen, *(cell for cell in group.cells if cell.balancer)]
    others = [cell for cell in rows if cell is not group.equal]
    apart = [group.gains(cell) - group.gains(group.equal) for cell in others]
    corrected = holm(np.array([float(paired_t(each[None]).p[0]) for each in apart]))
    also = " (chosen)" if group.chosen is group.equal else ""
    yield _method(f"equal weights{also}", group, group.equal) + " | | | |"
    for cell, differences, p in zip(others, apart, corrected, strict=True):
        name = f"chosen: {cell.name}" if cell is group.chosen else cell.name
        smallest = detectable(len(differences), ALPHA / len(others)) * differences.std(ddof=1)
        yield f"{_method(name, group, cell)} | {interval(differences, '+.2f')} | {p:.3f} | {smallest:.2f} |"


def more_seeds(group: Group) -> Iterator[str]:
    """What the last column would be, if further seeds spread as these do."""
    num, tests = len(group.equal.trials), len([cell for cell in group.cells if cell.balancer])
    tests += group.chosen is not group.equal
    parts = [f"{detectable(n, ALPHA / tests) / detectable(num, ALPHA / tests):.2f} at {n} seeds" for n in (10, 20)]
    yield f"With more seeds of the same spread the last column would shrink, to {' and '.join(parts)} of what it is."


def told_apart(group: Group) -> Iterator[str]:
    """How much the objective tells apart among the weightings that train all heads."""
    cells = [cell for cell in group.full if not cell.balancer]
    found = compared(np.array([cell.values(SCORE) for cell in cells]), "max")
    same = [cell.name for cell, is_same in zip(cells, found.same, strict=True) if is_same]
    shown = detectable(int(found.n.max()), ALPHA / (len(cells) - 1)) * found.sd[np.isfinite(found.sd)]
    yield f"Best {SCORE} of the {len(cells)} weightings that train all heads: {group.chosen.name}."
    yield from wrap(f"Not told apart from it: {', '.join(same) or 'none'}.", 120)
    yield f"The test would have shown differences from {shown.min():.4f} to {shown.max():.4f} in 80 % of such studies."


def shares(group: Group) -> Iterator[str]:
    """What a head gains by its own weight, whatever the others have: means, and the range over weightings."""
    yield f"| weight of the head itself | {' | '.join(measure.removeprefix('test/') for measure in group.measures)} |"
    yield "|---|" + "---|" * len(group.heads)
    fixed = [cell for cell in group.cells if not cell.balancer]
    for weight in sorted({weight for cell in fixed for weight in cell.weights if weight > 0}):
        texts = [_over(measure, own, weight, fixed) for own, measure in enumerate(group.measures)]
        yield f"| {weight:.3g} | {' | '.join(texts)} |"


def _over(measure: str, own: int, weight: float, cells: list[Cell]) -> str:
    means = [float(cell.values(measure).mean()) for cell in cells if cell.weights[own] == weight]
    span = f" ({digits(min(means))} to {digits(max(means))})" if means[1:] else ""
    return f"{digits(fmean(means))}{span}" if means else "-"


def _method(name: str, group: Group, cell: Cell) -> str:
    tests = " | ".join(digits(float(cell.values(measure).mean())) for measure in group.measures)
    return f"| {name} | {interval(cell.values(SCORE), '.4f')} | {tests} | {interval(group.gains(cell), '.2f')}"


def interval(values: Array, form: str) -> str:
    """Mean and half of its 95 % t interval."""
    found = summarise(list(values))
    return f"{found.mean:{form}} ± {(found.sd or 0.0) * t_factor(found.n):{form.lstrip('+')}}"


def digits(value: float) -> str:
    """Four decimals, or three of what is larger than 1."""
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
