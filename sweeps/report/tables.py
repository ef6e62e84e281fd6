"""Benchmark tables: one row per cell of the grid, with mean and spread over its replicates."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from sweeps.report.cells import Cells, cells_of
from sweeps.report.headings import Origin, headings

if TYPE_CHECKING:
    import pandas as pd

    from sweeps.report.frame import Trials

Kind = Literal["key", "count", "metric", "size", "seconds"]
Spread = Literal["sd", "se", "ci"]

_SIZES = {"parameters": "num_parameters", "flops": "num_flops"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Which rows of a metric are marked, and what the marks rest on.

    Attributes:
        best: Rows with the best mean, all of them where several are equal.
        same: Rows that are not told apart from the best.
        num_seeds: How many seeds the comparisons have in common with the best row, each number once.
        shown: The smallest differences that would have been told apart: one per data set.
        why_none: Why the column has no marks; empty where it has.
    """

    best: frozenset[int] = frozenset()
    same: frozenset[int] = frozenset()
    num_seeds: tuple[int, ...] = ()
    shown: tuple[float, ...] = ()
    why_none: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        title: Heading; no other column of the table has it.
        kind: `key`: values of an override. `count`: completed trials of the cell. `metric`: means. `size`: a whole
            number that belongs to the network. `seconds`: median wall time of an epoch, or of a trial.
        values: One per row; None where the cell has none.
        spreads: One per row, None for a cell of one trial; empty where no cell has replicates, and for all kinds but
            `metric`.
        numbers: Values per row that a mean is of; of a count all trials of the cell, whatever became of them.
        direction: `max` or `min`; None where nobody has declared which is better.
        marks: Rows of a metric that are marked.
    """

    title: str
    kind: Kind
    values: tuple[Any, ...]
    spreads: tuple[float | None, ...] = ()
    numbers: tuple[int, ...] = ()
    direction: str | None = None
    marks: Marks = field(default_factory=Marks)

    def of_rows(self, rows: Sequence[int | None]) -> "Column":
        """The column with these rows in this order; None is a row without a value."""
        place = {row: i for i, row in enumerate(rows) if row is not None}
        best, same = (
            frozenset(place[row] for row in found if row in place) for found in (self.marks.best, self.marks.same)
        )
        return replace(
            self,
            values=tuple(None if row is None else self.values[row] for row in rows),
            spreads=tuple(None if row is None else self.spreads[row] for row in rows) if self.spreads else (),
            numbers=tuple(0 if row is None else self.numbers[row] for row in rows) if self.numbers else (),
            marks=replace(self.marks, best=best, same=same),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of equal length, the keys first.

    Attributes:
        columns: At least one.
        groups: The data set of each row, as a number; rows of one are together. Empty: there is one.
        spread: What the spreads are.
        caption: What was fixed; empty where nobody has said it.
        label: By which a LaTeX document refers to the table.
        notes: Sentences below it: how to read the numbers and marks, and what is missing.
        warnings: Those of them without which its numbers are taken for what they are not: mixed code, or data.
    """

    columns: tuple[Column, ...]
    groups: tuple[int, ...] = ()
    spread: Spread = "sd"
    caption: str = ""
    label: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        return len(self.columns[0].values)

    def of_kind(self, *kinds: Kind) -> list[Column]:
        """The columns of these kinds."""
        return [column for column in self.columns if column.kind in kinds]

    def of_rows(self, rows: Sequence[int]) -> "Table":
        """The table with these rows in this order; marks stay as they are."""
        columns = tuple(column.of_rows(rows) for column in self.columns)
        return replace(self, columns=columns, groups=tuple(self.groups[row] for row in rows) if self.groups else ())


def benchmark_table(
    trials: "Trials",
    metrics: Sequence[str] = (),
    *,
    spread: Spread = "sd",
    has_seconds: bool = False,
    has_objectives: bool = True,
) -> Table | None:
    """Mean and spread over the completed trials of each cell that has an ended one; None where no trial has ended.

    The rows keep the order of the grid, data set by data set; those that a sampler has drawn begin with the best. The
    columns are the varied keys, `n`, the objectives as the trials returned them, the metrics, and `parameters` and
    `flops` where they were recorded. Marks are set within one data set and metric (`marks`).

    Args:
        trials: The trials of a study.
        metrics: Names of recorded metrics to show. Empty: what the tasks returned by name, and every metric of the
            test split but its losses, or its losses where it has nothing else. Names decide what is worth a column,
            never which direction is better.
        spread: Standard deviation (n - 1), standard error, or half of the 95 % t interval.
        has_seconds: Whether there is a column of times.
        has_objectives: Whether objectives are shown that are not among the metrics asked for.

    Raises:
        KeyError: No completed trial recorded one of the metrics.
    """
    from sweeps.report.notes import notes, warnings

    cells = cells_of(trials)
    if cells is None:
        return None
    names = metric_names(cells.done, metrics)
    columns = [*_keys(cells), _count(cells), *(_metric(cells, name, spread) for name in names), *_sizes(cells)]
    columns += [_seconds(cells)] if has_seconds else []
    titles = headings([(_origin(column, cells.done), column.title) for column in columns])
    named = tuple(replace(column, title=title) for column, title in zip(columns, titles, strict=True))
    table = Table(columns=named, groups=cells.groups if max(cells.groups) else (), spread=spread)
    hidden = [] if has_objectives else [name for name in cells.done.objectives if name not in metrics]
    shown = tuple(column for name, column in zip(_names(columns), named, strict=True) if name not in hidden)
    told = warnings(cells)
    return replace(table, columns=shown, notes=(*notes(table, cells, shown), *told), warnings=told)


def _names(columns: Sequence[Column]) -> list[str]:
    """The names of metrics, before they became headings; empty texts for all others."""
    return [column.title if column.kind == "metric" else "" for column in columns]


def _origin(column: Column, done: "Trials") -> Origin:
    match column.kind:
        case "key":
            return "key"
        case "metric":
            return "objective" if column.title in done.objectives else "metric"
    return "study"


def _keys(cells: Cells) -> Iterator[Column]:
    """The role and the values of each cell's first trial; an empty text where its point lacks them."""
    if "role" in cells.first.own:
        title = "study/role" if "role" in cells.keys else "role"
        yield Column(title=title, kind="key", values=tuple(cells.first.own["role"].tolist()))
    for key in cells.keys:
        values = tuple("" if is_missing(value) else value for value in cells.first.overrides[key].tolist())
        yield Column(title=key, kind="key", values=values)


def _count(cells: Cells) -> Column:
    return Column(title="n", kind="count", values=cells.completed, numbers=cells.planned)


def metric_names(done: "Trials", asked: Sequence[str] = ()) -> list[str]:
    """The objectives, then what is asked for; else what tasks have returned, and what the test split has but losses."""
    found = [str(name) for name in done.metrics if done.metrics[name].notna().any()]
    tests = [name for name in found if name.startswith("test/")]
    shown = asked or (*done.returned, *([name for name in tests if not name.endswith("loss")] or tests))
    return list(dict.fromkeys((*map(str, done.objectives), *shown)))


def _metric(cells: Cells, name: str, spread: Spread) -> Column:
    from sweeps.report.marks import marks

    done = cells.done
    values = done.objectives[name] if name in done.objectives else done.metrics[name]
    grouped = cells.grouped(values)
    numbers = _plain(cells.per_cell(grouped.count(), 0))
    direction = done.directions.get(name)
    return Column(
        title=name,
        kind="metric",
        values=_plain(cells.per_cell(grouped.mean())),
        spreads=_spreads(_plain(cells.per_cell(grouped.std(ddof=1))), numbers, spread) if cells.has_replicates else (),
        numbers=numbers,
        direction=direction,
        marks=marks(cells, values, direction),
    )


def _spreads(sds: Sequence[float | None], numbers: Sequence[int], spread: Spread) -> tuple[float | None, ...]:
    from sweeps.report.statistics.summaries import t_factor

    def of(sd: float | None, n: int) -> float | None:
        if sd is None or spread == "sd":
            return sd
        return sd / math.sqrt(n) if spread == "se" else sd * t_factor(n)

    return tuple(of(sd, n) for sd, n in zip(sds, numbers, strict=True))


def _sizes(cells: Cells) -> Iterator[Column]:
    for title, name in _SIZES.items():
        if name in cells.done.metrics:
            first = _plain(cells.per_cell(cells.grouped(cells.done.metrics[name]).first()))
            yield Column(title=title, kind="size", values=tuple(None if size is None else int(size) for size in first))


def _seconds(cells: Cells) -> Column:
    """Median seconds of an epoch; of a trial where no trial counts epochs."""
    seconds, epochs = cells.done.own["duration_s"], cells.done.metrics.get("epoch")
    if epochs is None:
        return Column(title="seconds", kind="seconds", values=_plain(cells.per_cell(cells.grouped(seconds).median())))
    per_epoch = seconds / epochs.where(epochs > 0)
    values = _plain(cells.per_cell(cells.grouped(per_epoch).median()))
    return Column(title="seconds/epoch", kind="seconds", values=values)


def _plain(values: "pd.Series") -> tuple[Any, ...]:
    """Python's own numbers, and None for not-a-number."""
    return tuple(None if is_missing(value) else value for value in values.tolist())


def is_missing(value: object) -> bool:
    """Whether a point lacks the key, or a trial the metric."""
    return isinstance(value, float) and math.isnan(value)
