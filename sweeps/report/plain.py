"""A table that is read as it is printed: in columns, with bold and underlined numbers where a terminal has them."""

import os
import re
import sys
import textwrap
from collections.abc import Sequence

from sweeps.output import one_line, width_of
from sweeps.report.export import to_page
from sweeps.report.tables import Column, Table
from sweeps.report.texts import plain_titles, texts_of

_SIGNS = ("**{}**", "_{}_")
_STYLES = ("\x1b[1m{}\x1b[22m", "\x1b[4m{}\x1b[24m")
_NARROWEST = 40


def printed(table: Table) -> str:
    """What standard output gets: columns with styles on a terminal, else Markdown, which stays Markdown in a file."""
    width = width_of(sys.stdout)
    if width is None:
        return to_page(table)
    # A terminal that knows no styles would show them as signs.
    marks = _SIGNS if os.environ.get("TERM", "dumb") in ("dumb", "unknown") else _STYLES
    return in_columns(table, marks, max(width, _NARROWEST))


def in_columns(table: Table, marks: Sequence[str] = _SIGNS, width: int | None = None) -> str:
    """The columns, then caption and notes, a paragraph each.

    Args:
        table: The table.
        marks: How the best number is shown, and one that is not told apart from it.
        width: Characters of a line: where the table is wider, headings have several lines. None: no limit.
    """
    titles = [one_line(title) for title in plain_titles(table)]
    made = _aligned(table, titles, marks)
    if width is not None and max(map(len, _unstyled(made).splitlines())) > width:
        made = _aligned(table, [_broken(title) for title in titles], marks)
    told = [one_line(text) for text in (table.caption, *table.notes) if text]
    return "\n\n".join([made, *(text if width is None else textwrap.fill(text, width) for text in told)])


def _aligned(table: Table, titles: Sequence[str], marks: Sequence[str]) -> str:
    from tabulate import tabulate

    cells = dict(zip(titles, (_marked(column, marks) for column in table.columns), strict=True))
    sides = ["left" if column.kind == "key" else "right" for column in table.columns]
    return tabulate(cells, headers="keys", tablefmt="simple", disable_numparse=True, colalign=sides)


def _marked(column: Column, marks: Sequence[str]) -> list[str]:
    texts = [one_line(text) for text in texts_of(column)]
    for rows, form in zip((column.marks.best, column.marks.same), marks, strict=True):
        for row in rows:
            texts[row] = form.format(texts[row])
    return texts


def _broken(title: str) -> str:
    """A heading in several lines, which begin with the sign that joins its parts."""
    return re.sub(r"(?<=.)(?=[./])", "\n", title)


def _unstyled(text: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", text)
