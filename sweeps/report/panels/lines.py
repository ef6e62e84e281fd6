"""Learning curves, and each metric against each number that was swept."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sweeps.output import counted
from sweeps.report.averages import (
    interval,
    is_number,
    key_of_lines,
    name_in,
    numeric_keys,
    short_names,
    values_of,
)
from sweeps.report.figures.bands import Series, curves, effects
from sweeps.report.figures.style import MAX_SERIES
from sweeps.report.findings import Findings
from sweeps.report.panels.panel import MAX_POINTS, Panel, some_of

_MAX_VALUES = 24
"""Values of a number that a line joins; where there are more, a sampler drew them, and each trial is a point."""


def curve_panels(findings: Findings) -> Iterator[Panel]:
    """Every metric that has a course, that of the objective first."""
    shown, total = min(MAX_SERIES, len(findings.cells.labels)), len(findings.cells.labels)
    note = f"The best {shown} of {total:,} cells." if shown < total else ""
    for course in findings.courses:
        if findings.metrics and course.metric not in findings.metrics:
            continue
        yield Panel(
            name=course.metric,
            metric=course.metric,
            draw=partial(curves, course.series, course.x_label, course.metric),
            note=note,
        )


def effect_panels(findings: Findings) -> Iterator[Panel]:
    """Every shown metric against every key that has numbers."""
    done = findings.trials.completed()
    values = values_of(done)
    short = short_names(done.varied)
    for key in numeric_keys(done):
        split = key_of_lines(done, MAX_SERIES, without=key)
        others = [short[other] for other in done.varied if other not in (key, split)]
        told = [f"{', '.join(others)} {'varies' if len(others) == 1 else 'vary'}, too."] if others else []
        num_out = sum(not is_number(value) for value in done.overrides[key])
        told += [f"Left out: {counted(num_out, 'trial')} without a number for {short[key]}."] if num_out else []
        split_values = done.overrides[split] if split else [None] * len(done.own)
        names = [name_in(short, split, value) if split else "all" for value in split_values]
        for metric in findings.shown:
            if metric not in values:
                continue
            found = _by_line(done.overrides[key].tolist(), values[metric].tolist(), names)
            if not found:
                continue
            yield Panel(
                name=f"{metric} against {short[key]}",
                metric=metric,
                key=key,
                draw=partial(effects, found, key.lstrip("+"), metric),
                note=" ".join(told),
            )


def _by_line(xs: Sequence[Any], ys: Sequence[float], names: Sequence[str]) -> list[Series]:
    lines: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for x, y, name in zip(xs, ys, names, strict=True):
        if is_number(x) and is_number(y):
            lines[name].append((float(x), y))
    return [_series(name, points, MAX_POINTS // len(lines)) for name, points in lines.items()]


def _series(name: str, points: Sequence[tuple[float, float]], most: int) -> Series:
    at: dict[float, list[float]] = defaultdict(list)
    for x, y in sorted(points):
        at[x].append(y)
    some = [points[i] for i in some_of(range(len(points)), most)]
    single = [([x for x, _ in some], [y for _, y in some])]
    if len(at) > _MAX_VALUES:
        return Series(name=name, x=(), mean=(), single=single)
    means = [interval(values) for values in at.values()]
    return Series(
        name=name,
        x=list(at),
        mean=[mean for mean, _, _ in means],
        low=[low for _, low, _ in means],
        high=[high for _, _, high in means],
        single=single if any(len(values) > 1 for values in at.values()) else (),
    )
