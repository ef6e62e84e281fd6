"""A table for a paper: booktabs, siunitx, and nothing else."""

import re
from collections.abc import Sequence

from sweeps.report.numbers import Measured, measured
from sweeps.report.tables import Column, Table
from sweeps.report.texts import MISSING, plain_titles, texts_of

_HEAD = "% \\usepackage{booktabs,siunitx}\n"
_FEW_COLUMNS = 5
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def to_latex(table: Table) -> str:
    """A floating table with caption, label and notes, for a document that loads booktabs and siunitx.

    Numbers are siunitx's, the best in bold, those that are not told apart underlined. Lines part the data sets.
    """
    import pandas as pd

    titles = [_escaped(title) for title in _short(plain_titles(table))]
    cells = pd.DataFrame({i: _cells(column) for i, column in enumerate(table.columns)}, dtype=object)
    styler = cells.set_axis(titles, axis=1).style.hide(axis="index")
    text = styler.to_latex(
        hrules=True,
        column_format="".join("l" if column.kind == "key" else "r" for column in table.columns),
        position="tbp",
        position_float="centering",
        caption=_escaped(table.caption) or None,
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
    is_wide = len(table.columns) > _FEW_COLUMNS
    size = "\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n" if is_wide else "\\small\n"
    setup = "\\sisetup{separate-uncertainty=true,detect-all}\n"
    text = text.replace("\\begin{tabular}", f"{size}{setup}\\begin{{tabular}}", 1)
    notes = " ".join(map(_escaped, table.notes))
    below = f"\\end{{tabular}}\n\n\\medskip\n\\parbox{{\\linewidth}}{{\\footnotesize {notes}}}\n" if notes else None
    return text.replace("\\end{tabular}\n", below, 1) if below else text
