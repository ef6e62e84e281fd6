"""A table as an HTML page of its own, or as a part of one: no script, no file beside it."""

from html import escape

from sweeps.report.tables import Column, Table
from sweeps.report.texts import plain_titles, texts_of

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
.scrolled { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { caption-side: top; padding-bottom: .5rem; text-align: left; }
td, th { padding: .2rem .8rem .2rem 0; text-align: right; white-space: nowrap; }
td.key, th.key { text-align: left; }
thead th { border-bottom: 1px solid; }
tr.parted td { border-top: 1px solid; }
"""


def to_html(table: Table) -> str:
    """A whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(table.caption or 'Benchmark table')}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"{to_fragment(table)}\n</body>\n</html>"
    )


def to_fragment(table: Table) -> str:
    """The table with its caption and notes, for a page or a notebook."""
    heads = (_cell("th", column, title) for column, title in zip(table.columns, plain_titles(table), strict=True))
    rows = zip(*(_marked(column) for column in table.columns), strict=True)
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    return "\n".join([
        '<div class="scrolled" tabindex="0">',
        f"<table>\n{caption}<thead><tr>{''.join(heads)}</tr></thead>",
        "<tbody>",
        *(f"<tr{_class_of(table, i)}>{''.join(row)}</tr>" for i, row in enumerate(rows)),
        "</tbody>\n</table>\n</div>",
        *(f"<p>{escape(note)}</p>" for note in table.notes),
    ])  # fmt: skip


def _class_of(table: Table, row: int) -> str:
    groups = table.groups
    return ' class="parted"' if groups and row and groups[row] != groups[row - 1] else ""


def _marked(column: Column) -> list[str]:
    texts = [escape(text) for text in texts_of(column)]
    for rows, tag in ((column.marks.best, "strong"), (column.marks.same, "u")):
        for row in rows:
            texts[row] = f"<{tag}>{texts[row]}</{tag}>"
    return [_cell("td", column, text, is_escaped=True) for text in texts]


def _cell(tag: str, column: Column, text: str, *, is_escaped: bool = False) -> str:
    kind = ' class="key"' if column.kind == "key" else ""
    return f"<{tag}{kind}>{text if is_escaped else escape(text)}</{tag}>"
