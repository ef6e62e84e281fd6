"""Pictures of a study as a whole: what mattered, who worked when, ranks over data sets."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from sweeps.report.averages import is_number, name_of, short_names, text_of, values_of
from sweeps.report.figures.bars import bars
from sweeps.report.figures.ranks import critical_differences
from sweeps.report.figures.timeline import load, timeline
from sweeps.report.findings import Findings
from sweeps.report.panels.panel import Panel
from sweeps.report.spans import lanes, load_of, spans
from sweeps.report.statistics.ranks import FEWEST_BLOCKS, friedman

_MAX_BARS, _MAX_LANES, _MAX_METHODS = 300, 32, 12
_OF_DATA = ("data", "dataset")


def importance_panels(findings: Findings) -> Iterator[Panel]:
    """The share of each key in good values of an objective, where there are two keys or more."""
    short = short_names(findings.trials.varied)
    for objective, shares in findings.importances.items():
        if len(shares) < 2:
            continue
        named = {short.get(key, key): share for key, share in shares.items()}
        yield Panel(
            name=objective,
            metric=objective,
            draw=partial(bars, named, f"share in good values of {objective}"),
        )


def timeline_panels(findings: Findings) -> Iterator[Panel]:
    """When each attempt ran, per study."""
    for i, study in enumerate(findings.studies):
        of_study = [trial for position, trial in findings.rows if position == i]
        found = spans(study.events(), of_study, time.time())
        if not found:
            continue
        drawn, names = lanes(found)
        if len(drawn) <= _MAX_BARS and len(names) <= _MAX_LANES:
            yield Panel(name=study.name, draw=partial(timeline, drawn, names))
        else:
            times, running = load_of(found)
            note = f"{len(drawn):,} attempts on {len(names):,} slots: too many for a bar each."
            yield Panel(name=study.name, note=note, draw=partial(load, times, running))


def rank_panels(findings: Findings) -> Iterator[Panel]:
    """Critical differences of the mean ranks, where six data sets or more have a value of each method."""
    done = findings.trials.completed()
    short = short_names(done.varied)
    data = next((key for key in done.varied if short[key].split(".")[-1] in _OF_DATA), None)
    if data is None:
        return
    values = values_of(done)
    methods = [
        name_of({key: row[key] for key in done.varied if key != data}, short)
        for row in (dict(zip(done.varied, each, strict=True)) for each in done.overrides[list(done.varied)].values)
    ]
    for metric in findings.shown:
        if metric not in values or metric not in done.directions:
            continue
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for block, method, value in zip(map(text_of, done.overrides[data]), methods, values[metric], strict=True):
            if is_number(value):
                found[block][method].append(value)
        names = sorted(set(itertools.chain.from_iterable(found.values())))
        whole = [[_mean(block[name]) for name in names] for block in found.values() if len(block) == len(names)]
        if len(whole) < FEWEST_BLOCKS or not 1 < len(names) <= _MAX_METHODS:
            continue
        ranked = friedman(whole, done.directions[metric])
        ranks = dict(zip(names, ranked.mean_ranks, strict=True))
        yield Panel(
            name=metric,
            metric=metric,
            draw=partial(critical_differences, ranks, ranked.critical_difference, len(whole)),
            note=f"Friedman's test (F): p = {ranked.p:.3g}.",
        )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
