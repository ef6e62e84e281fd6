"""Pictures with a point or a line per cell: Pareto fronts, cost, parallel coordinates."""

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sweeps.report.averages import best_first, is_number, short_names, text_of
from sweeps.report.figures.clouds import cost, pareto
from sweeps.report.figures.parallel import Scale, parallel
from sweeps.report.figures.style import is_wide_range
from sweeps.report.findings import Findings
from sweeps.report.panels.clouds import Lines, Points, clouds
from sweeps.report.panels.panel import Panel, left_out, some_of
from sweeps.report.statistics.fronts import front
from sweeps.report.tables import is_missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COSTS = {
    "num_parameters": "parameters", "num_flops": "FLOPs of one sample", "duration_s": "seconds of a trial",
}  # fmt: skip
Ways = tuple[str, str]

_MAX_AXES, _MAX_TICKS, _MOST_BEST, _MAX_ACROSS = 7, 8, 10, 12
_ACROSS = "A dotted line is a baseline that has this metric only, as a network that is trained for one task."
_CLOSEST = 0.05
"""Between two ticks: closer ones cannot be read."""


def pareto_panels(findings: Findings) -> Iterator[Panel]:
    """Pairs of metrics in which more is not better in both at once; those with the longest fronts first."""
    means, directions = findings.cells.means, findings.trials.directions
    objectives = [str(name) for name in findings.trials.objectives]
    others = [name for name in findings.shown if name not in objectives]
    pool = findings.metrics or (objectives if len(objectives) > 1 else others)
    found = []
    for one, other in itertools.combinations([name for name in pool if name in directions and name in means], 2):
        ways = (directions[one], directions[other])
        rows = [row for row in range(len(means)) if is_number(means[one][row]) and is_number(means[other][row])]
        best = [rows[i] for i in front([(means[one][row], means[other][row]) for row in rows], ways)]
        if len(best) > 1:
            found.append((one, other, ways, rows, best))
    for one, other, ways, rows, best in sorted(found, key=lambda pair: -len(pair[4])):
        chosen = list(dict.fromkeys([*some_of(best), *some_of(_by_rank(findings, rows))]))
        points = {row: (means[one][row], means[other][row]) for row in chosen}
        lines = _of_one_metric(findings, one, other)
        notes = [left_out(len(points), len(rows), "cells"), _ACROSS if lines else ""]
        yield Panel(
            name=f"{other} against {one}",
            metric=one,
            draw=partial(_pareto, findings, points, lines, set(best), (one, other), ways),
            note=" ".join(filter(None, notes)),
        )


def _of_one_metric(findings: Findings, one: str, other: str) -> Lines:
    """Baselines that have one of two metrics only, as networks that are trained for one task.

    Not every cell that lacks a metric: in a simplex those would be half of all, and hide the baselines.
    """
    cells = findings.cells
    rows = [row for row, role in enumerate(cells.roles) if role == "baseline"]
    pairs = {row: (cells.means[one][row], cells.means[other][row]) for row in rows}
    found = {row: pair for row, pair in pairs.items() if is_number(pair[0]) != is_number(pair[1])}
    return {row: found[row] for row in some_of(list(found), _MAX_ACROSS)}


def cost_panels(findings: Findings) -> Iterator[Panel]:
    """The first shown metric against everything that a network costs."""
    done = findings.trials.completed()
    means = findings.cells.means
    seconds = done.own["duration_s"].groupby(done.cells, sort=False).mean().tolist()
    costs = {name: means[name].tolist() for name in _COSTS if name in means} | {"duration_s": seconds}
    for metric in findings.metrics or findings.shown[:1]:
        for name, spent in costs.items():
            if metric not in means:
                continue
            rows = [row for row in range(len(means)) if is_number(spent[row]) and is_number(means[metric][row])]
            chosen = some_of(_by_rank(findings, rows))
            points = {row: (spent[row], means[metric][row]) for row in chosen}
            if len({x for x, _ in points.values()}) < 2:
                continue
            yield Panel(
                name=f"{metric} against {_COSTS[name]}",
                metric=metric,
                key=name,
                draw=partial(_cost, findings, points, _COSTS[name], metric),
                note=left_out(len(points), len(rows), "cells"),
            )


def parallel_panels(findings: Findings) -> Iterator[Panel]:
    """One picture of all keys and objectives, where there are two keys or more."""
    cells, trials = findings.cells, findings.trials
    keys = list(trials.varied)
    ends = [str(name) for name in trials.objectives if name in cells.means] or findings.shown[:1]
    if len(keys) < 2 or not ends or len(cells.labels) < 2:
        return
    columns = {**{key: cells.keys[key].tolist() for key in keys}, **{name: cells.means[name].tolist() for name in ends}}
    kept = [*keys[: _MAX_AXES - len(ends[:2])], *ends[:2]]
    order = best_first(trials, cells)
    rows = some_of(order)
    short = short_names(trials.varied)
    scales = [_scale(short.get(name, name), [columns[name][row] for row in rows]) for name in kept]
    num_best = max(1, min(_MOST_BEST, math.ceil(len(order) / 10)))
    best = "cell" if num_best == 1 else f"{num_best} of {len(order):,} cells"
    lacking = [name for name in columns if name not in kept]
    notes = [
        f"In colour: the best {best}.",
        left_out(len(rows), len(order), "cells are drawn"),
        f"Left out: {', '.join(lacking)}." if lacking else "",
    ]
    draw = partial(parallel, scales, range(num_best))
    yield Panel(name="all keys", draw=draw, note=" ".join(note for note in notes if note))


def _by_rank(findings: Findings, rows: Sequence[int]) -> list[int]:
    wanted = set(rows)
    return [row for row in best_first(findings.trials, findings.cells) if row in wanted]


def _pareto(
    findings: Findings, points: Points, lines: Lines, best: set[int], names: tuple[str, str], ways: Ways
) -> "Figure":
    return pareto(clouds(findings, points, best, lines), *names, ways)


def _cost(findings: Findings, points: Points, cost_name: str, metric: str) -> "Figure":
    return cost(clouds(findings, points, set()), cost_name, metric)


def _scale(name: str, values: Sequence[object]) -> Scale:
    """A number axis where all values are numbers, else one place per value."""
    known = [value for value in values if not is_missing(value)]
    if known and all(map(is_number, known)):
        return _number_scale(name, [float(value) if is_number(value) else math.nan for value in values])  # type: ignore[arg-type]
    texts = list(dict.fromkeys(map(text_of, known)))
    places = {text: (i + 0.5) / len(texts) for i, text in enumerate(texts)}
    ticks = [(places[text], text) for text in texts[:: max(1, math.ceil(len(texts) / _MAX_TICKS))]]
    return Scale(name=name, places=[places.get(text_of(value), math.nan) for value in values], ticks=ticks)


def _number_scale(name: str, values: Sequence[float]) -> Scale:
    known = sorted({value for value in values if not math.isnan(value)})
    turn = math.log if is_wide_range(known) else float
    low, high = turn(known[0]), turn(known[-1])

    def place(value: float) -> float:
        return 0.5 if high == low else (turn(value) - low) / (high - low)

    told = known if len(known) <= _MAX_TICKS else [known[i * (len(known) - 1) // 4] for i in range(5)]
    told = [value for i, value in enumerate(told) if i == 0 or place(value) - place(told[i - 1]) > _CLOSEST]
    places = [math.nan if math.isnan(value) else place(value) for value in values]
    return Scale(name=name, places=places, ticks=[(place(value), f"{value:.4g}") for value in told])
