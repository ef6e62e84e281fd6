"""A table for a paper: booktabs, siunitx, and graphicx for what is wider than a line."""

import re
from collections.abc import Sequence

from sweeps.report.numbers import Measured, measured
from sweeps.report.tables import Column, Table
from sweeps.report.texts import MISSING, plain_titles, texts_of

_HEAD = "% \\usepackage{booktabs,graphicx,siunitx}\n"
_FEW_COLUMNS = 5
_FITTED = (
    "\\sisetup{separate-uncertainty=true,detect-all}\n"
    "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def to_latex(table: Table) -> str:
    """A floating table with caption, label and notes, for a document that loads the packages of its first line.

    Numbers are siunitx's, the best in bold, those that are not told apart underlined. Lines part the data sets. A table
    that is wider than the text is made smaller.
    """
    import pandas as pd

    titles = [_stacked(title) for title in _short(plain_titles(table))]
    cells = pd.DataFrame({i: _cells(column) for i, column in enumerate(table.columns)}, dtype=object)
    styler = cells.set_axis(titles, axis=1).style.hide(axis="index")
    text = styler.to_latex(
        hrules=True,
        column_format="".join("l" if column.kind == "key" else "r" for column in table.columns),
        position="tbp",
        position_float="centering",
        caption=_breakable(table.caption) or None,
        label=table.label or None,
    )
    return _HEAD + _with_notes(_parted(text, table.groups), table)


def _cells(column: Column) -> list[str]:
    if column.kind != "metric":
        return [_plain(text) for text in texts_of(column)]
    made = [MISSING if each is None else _num(each) for each in measured(column.values, column.spreads)]
    for rows, form in ((column.marks.best, r"\textbf{\boldmath %s}"), (column.marks.same, r"\underline{%s}")):
        for row in rows:
            made[row] = form % made[row]
    return made


def _num(value: Measured) -> str:
    spread = "" if value.spread is None else f" +- {value.spread}"
    return rf"\num{{{value.mean}{spread}{f'e{value.power}' if value.power else ''}}}"


def _plain(text: str) -> str:
    """A value of an override, which may be a number."""
    return rf"\num{{{text}}}" if _NUMBER.fullmatch(text) else _escaped(text)


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(sign, sign) for sign in " ".join(text.splitlines()))


def _breakable(text: str) -> str:
    """A text whose lines may end within the name of a key."""
    return re.sub(r"(=(?=\S)|/|\\_|\.(?=[^\W\d]))", r"\1\\allowbreak{}", _escaped(text))


def _stacked(title: str) -> str:
    """A heading in as many lines as it has parts: it would be wider than the numbers below it."""
    lines = [_escaped(part) for part in title.replace("/", "/\n").splitlines()]
    stacked = " \\\\ ".join(lines)
    return rf"\shortstack[r]{{{stacked}}}" if lines[1:] else stacked


def _short(titles: Sequence[str]) -> list[str]:
    """The last part of a dotted key where no other column ends so."""
    ends = [title.rpartition(".")[2] for title in titles]
    return [end if ends.count(end) == 1 else title for end, title in zip(ends, titles, strict=True)]


def _parted(text: str, groups: Sequence[int]) -> str:
    """The table with a line before each further data set."""
    head, rule, rest = text.partition("\\midrule\n")
    rows = rest.split("\n")
    for row in range(len(groups) - 1, 0, -1):
        if groups[row] != groups[row - 1]:
            rows.insert(row, "\\midrule")
    return head + rule + "\n".join(rows)


def _with_notes(text: str, table: Table) -> str:
    size = "\\footnotesize" if len(table.columns) > _FEW_COLUMNS else "\\small"
    text = text.replace("\\begin{tabular}", f"\\smallskip\n{size}\n{_FITTED}\\begin{{tabular}}", 1)
    notes = " ".join(map(_breakable, table.notes))
    below = f"\n\n\\medskip\n\\parbox{{\\linewidth}}{{\\footnotesize {notes}}}" if notes else ""
    return text.replace("\\end{tabular}", f"\\end{{tabular}}}}{below}", 1)
