"""How the rows and columns of a table are arranged: what stands where, in which order, and under which name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sweeps.errors import StudyError, did_you_mean
from sweeps.report.tables import Column, Table
from sweeps.report.texts import key_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What is asked of the arrangement of a table.

    Attributes:
        rows: Keys that name the rows. Empty: all that vary and are not in `cols`.
        cols: Keys whose values become columns. Empty: none.
        sort: Heading of the column to sort by, the best first; with a minus the other way round. None: as it is.
        top: How many rows are shown; None: all.
        names: Heading, or value of a key, to the text that is shown instead.
    """

    rows: tuple[str, ...] = ()
    cols: tuple[str, ...] = ()
    sort: str | None = None
    top: int | None = None
    names: Mapping[str, str] | None = None


def arranged(table: Table, asked: Arrangement) -> Table:
    """The table as it is asked for; marks stay those of all its cells.

    Raises:
        StudyError: There is no such key or column, or several cells would share one place.
    """
    if asked.rows or asked.cols:
        table = _placed(table, asked)
    if asked.sort is not None or asked.top is not None:
        table = _sorted(table, asked.sort)
    if asked.top is not None and asked.top < table.num_rows:
        told = f"The first {asked.top} of {table.num_rows} rows; marks are those of all rows."
        table = table.of_rows(range(asked.top))
        table = replace(table, notes=(*table.notes, told))
    return _renamed(table, asked.names) if asked.names else table


def _placed(table: Table, asked: Arrangement) -> Table:
    """One row per combination of `rows`, one column per combination of `cols` and metric."""
    keys = table.of_kind("key")
    cols = [_key(keys, key, "--cols") for key in asked.cols]
    rows = [_key(keys, key, "--rows") for key in asked.rows] or [key for key in keys if key not in cols]
    names, heads = _tuples(rows, table.num_rows), _tuples(cols, table.num_rows)
    place = {pair: row for row, pair in enumerate(zip(names, heads, strict=True))}
    if len(place) < table.num_rows:
        left = [key.title for key in keys if key not in rows and key not in cols]
        told = f"{', '.join(left)} {'vary' if left[1:] else 'varies'}, too"
        raise StudyError(f"Several cells would share a place: {told}. Add what varies to --rows, or choose --where.")
    order = list(dict.fromkeys(names))
    first = [next(row for row in range(table.num_rows) if names[row] == name) for name in order]
    if not cols:
        rest = [column for column in table.columns if column.kind != "key"]
        return replace(table.of_rows(first), columns=tuple(column.of_rows(first) for column in (*rows, *rest)))
    made = [key.of_rows(first) for key in rows]
    metrics = table.of_kind("metric", "seconds")
    taken = {key.title for key in rows}
    for head in dict.fromkeys(heads):
        places = [place.get((name, head)) for name in order]
        for metric in metrics:
            moved = metric.of_rows(places)
            if any(value is not None for value in moved.values):
                title = _title(head, metric.title if metrics[1:] else "", asked.cols, taken)
                taken.add(title)
                made.append(replace(moved, title=title))
    # A row that has several data sets in its columns belongs to none.
    is_of_one = len(set(zip(names, table.groups, strict=False))) == len(order)
    groups = tuple(table.groups[row] for row in first) if table.groups and is_of_one else ()
    return replace(table, columns=tuple(made), groups=groups, notes=(*_of_place(table, cols, metrics), *table.notes))


def _of_place(table: Table, cols: Sequence[Column], metrics: Sequence[Column]) -> tuple[str, ...]:
    """What the columns are and show, which their headings do not say."""
    counts = {count for column in table.of_kind("count") for count in column.numbers}
    keys = ", ".join(key.title.lstrip("+") for key in cols)
    told = f"The columns are values of {keys}{f' and show {metrics[0].title}' if len(metrics) == 1 else ''}."
    seeds = f"n = {counts.pop()} in each cell that lacks none." if len(counts) == 1 else ""
    return tuple(filter(None, [" ".join(filter(None, (told, seeds)))]))


def _title(head: tuple[str, ...], metric: str, keys: Sequence[str], taken: set[str]) -> str:
    title = " ".join(filter(None, (*head, metric)))
    if title in taken:
        named = (f"{key}={value}" for key, value in zip(keys, head, strict=True))
        title = " ".join(filter(None, (*named, metric)))
    return title


def _tuples(keys: Sequence[Column], num_rows: int) -> list[tuple[str, ...]]:
    texts = [key_texts(key.values) for key in keys]
    return [tuple(text[row] for text in texts) for row in range(num_rows)]


def _key(keys: Sequence[Column], asked: str, option: str) -> Column:
    found = next((key for key in keys if asked in (key.title, key.title.lstrip("+"))), None)
    if found is None:
        known = did_you_mean(asked, [key.title.lstrip("+") for key in keys])
        raise StudyError(f"{option}={asked} does not vary. What varies: {known}")
    return found


def _sorted(table: Table, sort: str | None) -> Table:
    """The rows by a column, data set by data set; None: by the first metric that has a direction."""
    if sort is None:
        column = next((column for column in table.of_kind("metric") if column.direction), None)
        if column is None:
            return table
        is_turned = False
    else:
        is_turned, asked = sort.startswith("-"), sort.removeprefix("-")
        titles = [column.title for column in table.columns]
        if asked not in titles:
            raise StudyError(f"--sort={asked} is no column. Columns: {did_you_mean(asked, titles)}")
        column = table.columns[titles.index(asked)]
    is_falling = (column.direction == "max") != is_turned
    known = [row for row, value in enumerate(column.values) if value is not None]
    known.sort(key=lambda row: _order(column.values[row]), reverse=is_falling)
    order = [*known, *(row for row, value in enumerate(column.values) if value is None)]
    groups = table.groups
    return table.of_rows(sorted(order, key=lambda row: groups[row]) if groups else order)


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers before texts, each in their own order."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not is_number, float(value) if is_number else 0.0, "" if is_number else str(value))


def _renamed(table: Table, names: Mapping[str, str]) -> Table:
    """The table with other texts for headings and for values of keys."""
    used: set[str] = set()

    def shown(text: Any) -> Any:
        name = next((name for name in (str(text), str(text).lstrip("+")) if name in names), None)
        used.update([name] if name else [])
        return text if name is None else names[name]

    columns = tuple(
        replace(
            column,
            title=shown(column.title),
            values=tuple(map(shown, column.values)) if column.kind == "key" else column.values,
        )
        for column in table.columns
    )
    titles = [column.title for column in columns]
    if twice := next((title for title in titles if titles.count(title) > 1), None):
        raise StudyError(f"--name: two columns would be called {twice!r}.")
    if unknown := next((name for name in names if name not in used), None):
        known = did_you_mean(unknown, [column.title for column in table.columns])
        raise StudyError(f"--name={unknown} is neither a heading nor a value of a key. Headings: {known}")
    return replace(table, columns=columns)
