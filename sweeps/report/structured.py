"""Tables for programs that want more than text: JSON with marks and notes, Parquet with types."""

import io
import json
import math
from typing import TYPE_CHECKING, Any

from sweeps.errors import StudyError
from sweeps.report.tables import Column, Table

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Of the schema in docs/tables.md; raised where a reader of the old one would be wrong."""


def to_json(table: Table) -> str:
    """Caption, notes, columns and rows; of a metric mean, spread, number of values and mark."""
    told = {
        "version": VERSION,
        "caption": table.caption,
        "label": table.label,
        "spread": table.spread,
        "notes": list(table.notes),
        "columns": [{"title": c.title, "kind": c.kind, "direction": c.direction} for c in table.columns],
        "rows": [{column.title: _entry(column, row) for column in table.columns} for row in range(table.num_rows)],
    }
    return json.dumps(told, indent=1, ensure_ascii=False, default=str)


def to_frame(table: Table) -> "pd.DataFrame":
    """The columns of the csv, with types: behind a metric its spread as `NAME ±`, behind the count all as `n of`."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for column in table.columns:
        columns[column.title] = pd.Series(column.values, dtype=object if column.kind == "key" else None)
        if column.kind == "count" and column.numbers not in ((), column.values):
            columns[f"{column.title} of"] = pd.Series(column.numbers)
        if column.spreads:
            columns[f"{column.title} ±"] = pd.Series(column.spreads, dtype=float)
    return pd.DataFrame(columns)


def to_parquet(table: Table) -> bytes:
    """The frame of `to_frame`; keys whose values are of several types are text.

    Raises:
        StudyError: pyarrow is not installed.
    """
    frame = to_frame(table)
    for column in table.of_kind("key"):
        kinds = {type(value) for value in column.values if value is not None}
        if len(kinds) > 1 or not kinds <= {str, int, float, bool}:
            frame[column.title] = [None if value is None else str(value) for value in column.values]
    file = io.BytesIO()
    try:
        frame.to_parquet(file, engine="pyarrow", index=False)
    except ImportError as error:
        raise StudyError("--format=parquet needs pyarrow: pip install 'hydra-sweeps[parquet]'.") from error
    return file.getvalue()


def _entry(column: Column, row: int) -> Any:
    if column.kind == "key":
        return _typed(column.values[row])
    value = _plain(column.values[row])
    if column.kind == "count":
        return {"completed": value, "planned": (column.numbers or column.values)[row]}
    if column.kind != "metric":
        return value
    mark = "best" if row in column.marks.best else "same" if row in column.marks.same else None
    spread = _plain(column.spreads[row]) if column.spreads else None
    return {"mean": value, "spread": spread, "n": column.numbers[row] if column.numbers else None, "mark": mark}


def _typed(value: Any) -> Any:
    """What was typed for a key; where JSON has no word for it, its text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """JSON has no word for what is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
