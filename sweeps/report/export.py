"""The formats of a table. A further one is a function and a line in `EXPORTS`."""

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.report.numbers import number_format
from sweeps.report.tables import Column, Table

if TYPE_CHECKING:
    from sweeps.report.frame import Trials


_FEWEST_DIGITS, _LONG = 5, 10
"""Digits of a number that is longer than so many signs."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_KEY = re.compile(r"\+{1,2}[A-Za-z_][\w./@\-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A format of a table.

    Attributes:
        render: Makes the content of a file: text, or bytes where the format is not text.
        suffix: Of that file, with its dot.
        description: A few words for the help of `sweeps table`.
    """

    render: Callable[[Table], str | bytes]
    suffix: str
    description: str

    def data(self, table: Table) -> bytes:
        """The content of the file; text ends with a newline."""
        made = self.render(table)
        return made if isinstance(made, bytes) else f"{made.rstrip()}\n".encode()


def to_markdown(table: Table) -> str:
    """Numbers for people, four decimals of a metric and the best of each in bold; `±` is the standard deviation."""
    from tabulate import tabulate

    titles = map(_in_markdown, _plain_titles(table))
    return tabulate(
        {title: list(map(_in_markdown, _texts(column))) for title, column in zip(titles, table.columns, strict=True)},
        headers="keys",
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left" if column.kind == "key" else "right" for column in table.columns],
    )


def to_csv(table: Table) -> str:
    """Every digit, for programs; the standard deviation of a metric has a column `NAME ±` behind its mean."""
    columns: list[tuple[str, tuple[Any, ...]]] = []
    for column in table.columns:
        columns.append((column.title, column.values))
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

    flat = trials.flat().rename(columns=_in_csv)
    for name in flat.columns:
        cells = flat[name].to_list()
        safe = [_in_csv(cell) for cell in cells]
        if any(new is not old for new, old in zip(safe, cells, strict=True)):
            flat[name] = pd.Series(safe, index=flat.index, dtype=object)  # else pandas would show 1 as 1.0
    return flat.to_csv(index=False)


def _plain_titles(table: Table) -> list[str]:
    """Headings for people: `+x` is `x` where no other column is called so."""
    plain = [column.title.lstrip("+") if column.kind == "key" else column.title for column in table.columns]
    return [
        short if plain.count(short) == 1 else column.title for short, column in zip(plain, table.columns, strict=True)
    ]


def _in_markdown(text: str) -> str:
    """A text that stays in its cell."""
    return " ".join(text.replace("|", "\\|").splitlines())


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


def _texts(column: Column) -> list[str]:
    match column.kind:
        case "metric":
            return _metric_texts(column)
        case "size":
            return ["" if value is None else f"{value:,}" for value in column.values]
        case "seconds":
            return ["" if value is None else f"{value:.1f}" for value in column.values]
    return _key_texts(column.values) if column.kind == "key" else [str(value) for value in column.values]


def _key_texts(values: Sequence[Any]) -> list[str]:
    """Values as they are; numbers with many digits, as samplers draw them, with as few as keep the rows apart."""
    texts = [str(value) for value in values]
    for num_digits in range(_FEWEST_DIGITS, 17):
        is_long = [isinstance(value, float) and len(text) > _LONG for value, text in zip(values, texts, strict=True)]
        short = [
            f"{value:.{num_digits}g}" if long else text
            for value, text, long in zip(values, texts, is_long, strict=True)
        ]
        if len(set(short)) == len(set(texts)):
            return short
    return texts


def _metric_texts(column: Column) -> list[str]:
    spreads = column.spreads or (None,) * len(column.values)
    form = number_format(mean for mean in column.values if mean is not None)
    texts = []
    for row, (mean, spread) in enumerate(zip(column.values, spreads, strict=True)):
        text = "" if mean is None else f"{mean:{form}}" if spread is None else f"{mean:{form}} ± {spread:{form}}"
        texts.append(f"**{text}**" if row in column.best else text)
    return texts


EXPORTS = {
    "md": Export(render=to_markdown, suffix=".md", description="Markdown, the best in bold"),
    "csv": Export(render=to_csv, suffix=".csv", description="every digit, for programs"),
}
