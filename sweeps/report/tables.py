"""Benchmark tables: one row per cell of the grid, with mean and spread over its replicates."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sweeps.report.headings import Origin, headings

if TYPE_CHECKING:
    import pandas as pd

    from sweeps.report.frame import Trials

Kind = Literal["key", "count", "metric", "size", "seconds"]

_SIZES = {"parameters": "num_parameters", "flops": "num_flops"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        title: Heading; no other column of the table has it.
        kind: `key`: values of an override. `count`: completed trials of the cell. `metric`: means. `size`: a whole
            number that belongs to the network. `seconds`: mean wall time of a trial.
        values: One per row; None where the cell has none.
        spreads: One standard deviation (n - 1) per row, None for a cell of one trial; empty where no cell has
            replicates, and for all kinds but `metric`.
        best: Rows with the best value of a metric; empty where nobody has declared which direction is better.
    """

    title: str
    kind: Kind
    values: tuple[Any, ...]
    spreads: tuple[float | None, ...] = ()
    best: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of equal length, the keys first."""

    columns: tuple[Column, ...]


def benchmark_table(trials: "Trials", metrics: Sequence[str] = ()) -> Table | None:
    """Mean and standard deviation over the completed trials of each cell; None when none has completed.

    The rows keep the order of the grid; those that a sampler has drawn begin with the best. The columns are the varied
    keys, `n`, the objectives as the trials returned them, the metrics, `parameters` and `flops` where they were
    recorded, and `seconds` per trial.

    Args:
        trials: The trials of a study.
        metrics: Names of recorded metrics to show. Empty: what the tasks returned by name, and every metric of the
            test split but its losses, or its losses where it has nothing else. Names decide what is worth a column,
            never which direction is better.

    Raises:
        KeyError: No completed trial recorded one of the metrics.
    """
    done = _best_first(trials.completed())
    if done.own.empty:
        return None
    columns = [*_keys(done), _count(done), *_metrics(done, metrics), *_sizes(done), _seconds(done)]
    titles = headings([(_origin(column, done), column.title) for column in columns])
    return Table(columns=tuple(replace(column, title=title) for column, title in zip(columns, titles, strict=True)))


def best_rows(means: Sequence[float | None], direction: str | None) -> frozenset[int]:
    """The rows that have the best of at least two means: exactly equal ones are all best.

    Args:
        means: One per row; None where there is none.
        direction: `min` or `max`; None: nothing is best.
    """
    known = [mean for mean in means if mean is not None]
    if direction is None or len(known) < 2:
        return frozenset()
    best = min(known) if direction == "min" else max(known)
    return frozenset(row for row, mean in enumerate(means) if mean == best)


def _best_first(done: "Trials") -> "Trials":
    """Drawn trials by the mean of their cell's first objective; those of a grid stay in its order."""
    if not done.is_drawn or done.objectives.empty:
        return done
    name = done.objectives.columns[0]
    means = done.objectives[name].groupby(done.cells).transform("mean")
    return done.chosen(means.sort_values(ascending=done.directions.get(name) != "max", kind="stable").index)


def _origin(column: Column, done: "Trials") -> Origin:
    match column.kind:
        case "key":
            return "key"
        case "metric":
            return "objective" if column.title in done.objectives else "metric"
    return "study"


def _keys(done: "Trials") -> Iterator[Column]:
    """The values of each cell's first trial; an empty text where its point lacks the key."""
    first = done.overrides[~done.cells.duplicated()]
    for key in done.varied:
        values = tuple("" if _is_nan(value) else value for value in first[key].tolist())
        yield Column(title=key, kind="key", values=values)


def _count(done: "Trials") -> Column:
    return Column(title="n", kind="count", values=_plain(_grouped(done.cells, done).size()))


def _metrics(done: "Trials", asked: Sequence[str]) -> Iterator[Column]:
    has_replicates = done.cells.duplicated().any()
    for name in dict.fromkeys((*done.objectives, *(asked or (*done.returned, *_test_metrics(done))))):
        grouped = _grouped(done.objectives[name] if name in done.objectives else done.metrics[name], done)
        means = _plain(grouped.mean())
        spreads = _plain(grouped.std(ddof=1)) if has_replicates else ()
        best = best_rows(means if done.is_drawn else _whole(means, _plain(grouped.count())), done.directions.get(name))
        yield Column(title=name, kind="metric", values=means, spreads=spreads, best=best)


def _whole(means: Sequence[float | None], counts: Sequence[int]) -> list[float | None]:
    """The means of those cells that have as many values as any: one lucky seed is not to beat the mean of three."""
    most = max(counts, default=0)
    return [mean if count == most else None for mean, count in zip(means, counts, strict=True)]


def _test_metrics(done: "Trials") -> list[str]:
    tests = [str(name) for name in done.metrics if str(name).startswith("test/")]
    return [name for name in tests if not name.endswith("loss")] or tests


def _sizes(done: "Trials") -> Iterator[Column]:
    for title, name in _SIZES.items():
        if name in done.metrics:
            first = _plain(_grouped(done.metrics[name], done).first())
            yield Column(title=title, kind="size", values=tuple(None if size is None else int(size) for size in first))


def _seconds(done: "Trials") -> Column:
    return Column(title="seconds", kind="seconds", values=_plain(_grouped(done.own["duration_s"], done).mean()))


def _grouped(values: "pd.Series", done: "Trials") -> Any:
    """The values cell by cell, in the order in which the cells come first."""
    return values.groupby(done.cells, sort=False)


def _plain(values: "pd.Series") -> tuple[Any, ...]:
    """Python's own numbers, and None for not-a-number."""
    return tuple(None if _is_nan(value) else value for value in values.tolist())


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
