"""The formats of a table. A further one is a function and a line in `EXPORTS`."""

import csv
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweeps.report.latex import to_latex
from sweeps.report.markup import to_html
from sweeps.report.structured import to_json, to_parquet
from sweeps.report.tables import Column, Table
from sweeps.report.texts import plain_titles, texts_of

if TYPE_CHECKING:
    from sweeps.report.frame import Trials


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_KEY = re.compile(r"\+{1,2}[A-Za-z_][\w./@\-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A format of a table.

    Attributes:
        render: Makes the content of a file: text, or bytes where the format is not text.
        suffix: Of that file, with its dot.
        description: A few words for the help of `sweeps table`.
        has_notes: Whether the content has the notes of the table.
    """

    render: Callable[[Table], str | bytes]
    suffix: str
    description: str
    has_notes: bool = True

    def data(self, table: Table) -> bytes:
        """The content of the file; text ends with a newline."""
        made = self.render(table)
        return made if isinstance(made, bytes) else f"{made.rstrip()}\n".encode()


def to_markdown(table: Table) -> str:
    """Numbers for people, the best in bold and what is not told apart from it underlined; no caption, no notes."""
    from tabulate import tabulate

    titles = map(_in_markdown, plain_titles(table))
    return tabulate(
        {title: list(map(_in_markdown, _marked(column))) for title, column in zip(titles, table.columns, strict=True)},
        headers="keys",
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left" if column.kind == "key" else "right" for column in table.columns],
    )


def to_page(table: Table) -> str:
    """The Markdown table with its caption and notes below, a paragraph each."""
    above = [f"Table: {table.caption}"] if table.caption else []
    return "\n\n".join([to_markdown(table), *(" ".join(text.splitlines()) for text in (*above, *table.notes))])


def to_csv(table: Table) -> str:
    """Every digit, for programs; the spread of a metric has a column `NAME ±` behind its mean, and `n of` is all."""
    columns: list[tuple[str, tuple[Any, ...]]] = []
    for column in table.columns:
        columns.append((column.title, tuple(map(_typed, column.values)) if column.kind == "key" else column.values))
        if column.kind == "count" and column.numbers not in ((), column.values):
            columns.append((f"{column.title} of", column.numbers))
        if column.spreads:
            columns.append((f"{column.title} ±", column.spreads))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_in_csv(title) for title, _ in columns)
    writer.writerows(zip(*(map(_in_csv, values) for _, values in columns), strict=True))
    return file.getvalue()


def trials_to_csv(trials: "Trials") -> str:
    """One row per trial, with every override and every metric."""
    import pandas as pd

    is_null = trials.overrides.map(lambda value: value is None).astype(bool)
    flat = replace(trials, overrides=trials.overrides.mask(is_null, "null")).flat().rename(columns=_in_csv)
    for name in flat.columns:
        cells = flat[name].to_list()
        safe = [_in_csv(cell) for cell in cells]
        if any(new is not old for new, old in zip(safe, cells, strict=True)):
            flat[name] = pd.Series(safe, index=flat.index, dtype=object)  # else pandas would show 1 as 1.0
    return flat.to_csv(index=False)


def _in_markdown(text: str) -> str:
    """A text that stays in its cell."""
    return " ".join(text.replace("|", "\\|").splitlines())


def _typed(value: Any) -> Any:
    """A value of a key; an empty cell is that of a point which lacks the key."""
    return "null" if value is None else value


def _in_csv(cell: Any) -> Any:
    """A text that no spreadsheet takes for a formula. Numbers stay, and keys as they are typed: `+trainer.x`."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or _KEY.fullmatch(cell) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _marked(column: Column) -> list[str]:
    texts = texts_of(column)
    for rows, form in ((column.marks.best, "**{}**"), (column.marks.same, "<ins>{}</ins>")):
        for row in rows:
            texts[row] = form.format(texts[row])
    return texts


EXPORTS = {
    "md": Export(render=to_page, suffix=".md", description="Markdown, the best in bold"),
    "csv": Export(render=to_csv, suffix=".csv", description="every digit, for programs", has_notes=False),
    "latex": Export(render=to_latex, suffix=".tex", description="booktabs and siunitx"),
    "html": Export(render=to_html, suffix=".html", description="a page of its own"),
    "json": Export(render=to_json, suffix=".json", description="with marks and notes, docs/tables.md has its schema"),
    "parquet": Export(render=to_parquet, suffix=".parquet", description="columns as in csv, typed", has_notes=False),
}

TRACKED = ("md", "csv", "html")
"""Formats that the tracking server gets of a study that has ended."""
