"""The sentences below a table: what its numbers and marks mean, what was chosen by what, and what is missing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweeps.output import counted, one_line
from sweeps.report.codes import note_of_codes, notes_of_data
from sweeps.report.marks import FEW_SEEDS
from sweeps.report.measures import most_told
from sweeps.report.numbers import short
from sweeps.report.ranking import beats

if TYPE_CHECKING:
    from sweeps.report.cells import Cells
    from sweeps.report.tables import Column, Spread, Table

_SPREADS: "Mapping[Spread, str]" = {
    "sd": "one standard deviation over the seeds (n - 1)",
    "se": "the standard error of the mean over the seeds",
    "ci": "half of the 95 % t interval of the mean over the seeds",
}
_RULE = (
    "Bold: the best mean of a metric{within}. Underlined: not told apart from it (paired t tests over common seeds, "
    "two-sided, Holm's correction, alpha 0.05, n = {n})."
)
_MAX_MISSING = 6
_VALIDATION, _TEST = ("val", "valid", "validation", "dev"), "test"


def notes(table: "Table", cells: "Cells", shown: "Sequence[Column]") -> tuple[str, ...]:
    """What a reader has to know of a table that is not in its numbers.

    Args:
        table: The table.
        cells: Its rows.
        shown: Those of its columns that a reader sees.
    """
    seen = replace(table, columns=tuple(shown))
    chosen = (*_of_choice(table, seen, cells), *_of_front(table, cells))
    return (*_of_spread(seen), *_of_marks(seen), *chosen, *_of_missing(seen, cells))


def warnings(cells: "Cells") -> tuple[str, ...]:
    """What has to be said wherever the numbers of a table go: its trials ran different code, or read other data."""
    return tuple(filter(None, [note_of_codes(cells.done), *notes_of_data(cells.done)]))


def _of_spread(table: "Table") -> Iterator[str]:
    if any(column.spreads for column in table.columns):
        yield f"± is {_SPREADS[table.spread]}."


def _of_marks(table: "Table") -> Iterator[str]:
    metrics = table.of_kind("metric")
    marked = [column for column in metrics if column.marks.best]
    if marked:
        seeds = sorted({n for column in marked for n in column.marks.num_seeds})
        within = ", within its data set" if table.groups else ""
        yield _RULE.format(within=within, n=" or ".join(map(str, seeds)))
        shown = ", ".join(f"{column.title} {_range(column.marks.shown)}" for column in marked if column.marks.shown)
        if shown:
            yield f"The smallest difference that would have been told apart in 80 % of such studies: {shown}."
    for why in dict.fromkeys(column.marks.why_none for column in metrics if column.marks.why_none):
        names = ", ".join(column.title for column in metrics if column.marks.why_none == why)
        if why == FEW_SEEDS and not marked:
            yield f"No marks: {why} (study.replicates)."
        else:
            yield f"No marks in {names}: {why}."


def _range(values: Sequence[float]) -> str:
    low, high = short(min(values)), short(max(values))
    return low if low == high else f"{low} to {high}"


def _of_choice(table: "Table", seen: "Table", cells: "Cells") -> Iterator[str]:
    """Which row validation chooses: the test of all others is shown, and chooses nothing."""
    tests = [column.title for column in seen.of_kind("metric") if column.title.split("/")[0] == _TEST]
    objective = next((column for column in table.of_kind("metric") if column.title in cells.done.objectives), None)
    if not tests or objective is None or objective.direction is None:
        return
    split = objective.title.split("/")[0]
    chosen = [_name_of(table, row) for row in _chosen(table, cells, objective)] if split in _VALIDATION else []
    if split == _TEST:
        yield f"The objective {objective.title} is of the test split: what is best here was chosen on the test."
    if chosen:
        if others := _of_others(cells, objective):
            yield others
        yield (
            f"Chosen on validation, by the mean of {objective.title}: {'; '.join(chosen)}. "
            f"Its values in {', '.join(tests)} are the result; those of the other rows are for comparison."
        )


def _of_front(table: "Table", cells: "Cells") -> Iterator[str]:
    """The rows that no other one beats in all objectives, where there are several."""
    aims = [column for column in table.of_kind("metric") if column.title in cells.done.objectives]
    if len(aims) < 2 or any(column.direction is None for column in aims):
        return
    most = max(cells.completed)
    costs = {
        row: tuple(-value if column.direction == "max" else value for column, value in zip(aims, values, strict=True))
        for row, values in enumerate(zip(*(column.values for column in aims), strict=True))
        if cells.completed[row] == most and None not in values
    }
    front = [row for row, cost in costs.items() if not any(beats(other, cost) for other in costs.values())]
    told = [_name_of(table, row) or "the only cell" for row in front[:_MAX_MISSING]]
    names = ", ".join(f"{column.title} ({column.direction})" for column in aims)
    if len(costs) > 1:
        yield f"Pareto set by {names}: {len(front)} of {counted(table.num_rows, 'row')}: {_listed(told, front)}."


def _of_others(cells: "Cells", objective: "Column") -> str:
    """That rows are not compared by an objective which is not of the same metrics in all of them."""
    parts = [kind for _, kind in cells.kinds(objective.title) if kind]
    if len(set(parts)) < 2:
        return ""
    most = ", ".join(sorted(most_told(parts)))
    return (
        f"{objective.title} is a mean over what a trial trains, so only rows with a mean of the same metrics are "
        f"compared by it. What is chosen has a mean of {most}."
    )


def _chosen(table: "Table", cells: "Cells", objective: "Column") -> Iterator[int]:
    """Per data set the row with the best mean, of those that lack no seed and whose mean is of most metrics."""
    counts, kinds = table.of_kind("count")[0], cells.kinds(objective.title)
    best = max if objective.direction == "max" else min
    groups = table.groups or (0,) * table.num_rows
    for group in dict.fromkeys(groups):
        rows = [
            row
            for row in range(table.num_rows)
            if groups[row] == group and objective.values[row] is not None and counts.values[row] == counts.numbers[row]
        ]
        if len(rows) > 1:
            told = most_told([kinds[row][1] for row in rows])
            rows = [row for row in rows if kinds[row][1] == told]
            # As `Best:` does it: the mean of fewer seeds than others have may be luck.
            most = max(cells.completed[row] for row in rows)
            yield best((row for row in rows if cells.completed[row] >= most), key=lambda row: objective.values[row])


def _name_of(table: "Table", row: int) -> str:
    named = [f"{key.title}={key.values[row]}" for key in table.of_kind("key") if key.values[row] not in (None, "")]
    return one_line(" ".join(named), 200)


def _of_missing(table: "Table", cells: "Cells") -> Iterator[str]:
    """Cells that lack seeds, with the cause, cells of few seeds, and metrics that not every seed has."""
    from sweeps.report.statistics.comparisons import FEWEST_SEEDS

    short_of = [row for row, pair in enumerate(zip(cells.completed, cells.planned, strict=True)) if pair[0] < pair[1]]
    causes = _causes(cells)
    if short_of and max(cells.planned) == 1 and cells.trials.is_drawn:
        yield f"Without a result: {_counts(sum(causes.values(), Counter()))}."
    elif short_of:
        labels = cells.first.cells.tolist()
        told = [
            f"{_name_of(table, row) or 'the only cell'} {cells.completed[row]}/{cells.planned[row]}: "
            + _counts(causes[labels[row]])
            for row in short_of[:_MAX_MISSING]
        ]
        yield f"Not marked, as {'trials are' if short_of[1:] else 'a trial is'} missing: {_listed(told, short_of)}."
    if any(column.marks.best for column in table.of_kind("metric")):
        few = [row for row, n in enumerate(cells.completed) if 0 < n == cells.planned[row] < FEWEST_SEEDS]
        told = [f"{_name_of(table, row)} {counted(cells.completed[row], 'seed')}" for row in few[:3]]
        if few:
            yield f"Not compared, so never bold, as that takes {FEWEST_SEEDS} seeds: {_listed(told, few)}."
    for column in table.of_kind("metric"):
        holes = [row for row, n in enumerate(column.numbers) if 0 < n < cells.completed[row]]
        if holes:
            told = [f"{_name_of(table, row)} {column.numbers[row]}/{cells.completed[row]}" for row in holes[:3]]
            yield f"Not every seed has {column.title}: {_listed(told, holes)}."


def _causes(cells: "Cells") -> dict[str, Counter[str]]:
    """Label of a cell to what became of its trials that have no result."""
    own = cells.trials.own
    lacking = cells.trials.chosen(own.index[own["state"] != "completed"])
    found: dict[str, Counter[str]] = {}
    for label, state, cause in zip(lacking.cells, lacking.own["state"], lacking.own["cause"], strict=True):
        found.setdefault(label, Counter())[_became(state, cause)] += 1
    return found


def _became(state: str, cause: str | None) -> str:
    if state == "failed":
        return f"failed ({cause})"
    return "not run, as its point is clearly worse" if cause == "not run" else _STATES[state]


def _counts(causes: Counter[str]) -> str:
    return ", ".join(f"{num} {what}" for what, num in sorted(causes.items()))


_STATES = {"pruned": "pruned", "open": "not run yet", "running": "running", "skipped": "skipped"}


def _listed(told: Sequence[str], rows: Sequence[Any]) -> str:
    more = len(rows) - len(told)
    return "; ".join(told) + (f"; and {counted(more, 'further row')}" if more > 0 else "")
