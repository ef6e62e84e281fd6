"""How often each answer was given for each truth, as a trial has left it in `confusion.json`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sweeps.report.origins import left_by
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial.files import TrialFiles

_MAX_BYTES = 2**21


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of one test.

    Attributes:
        name: What was answered, such as `digit`.
        metric: The metric that is the share of the diagonal; empty: none.
        classes: Names of the classes.
        counts: A row per true class, a column per answer.
    """

    name: str
    metric: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def share_of_most(self) -> float:
        """The share of the most frequent class: what its name as the constant answer reaches."""
        sums = [sum(row) for row in self.counts]
        return max(sums) / sum(sums)


def confusions_of(study: Study, trial: TrialRow) -> list[Confusion]:
    """Those that a trial has left; what is no such table is left out."""
    with left_by(study, trial) as files:
        return list(_read(files)) if files is not None else []


def _read(files: TrialFiles) -> Iterator[Confusion]:
    try:
        if files.confusion.stat().st_size > _MAX_BYTES:
            return
        found = json.loads(files.confusion.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    tables = found.get("tables") if isinstance(found, dict) else None
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict) and _is_square(table.get("counts"), table.get("classes")):
            yield Confusion(
                name=str(table.get("name", "")),
                metric=str(table.get("metric", "")),
                classes=tuple(map(str, table["classes"])),
                counts=tuple(map(tuple, table["counts"])),
            )


def _is_square(counts: Any, classes: Any) -> bool:
    """Whether it is a table of whole numbers with a row and a column per class, and not empty."""
    if not isinstance(classes, list) or not isinstance(counts, list) or len(counts) != len(classes):
        return False
    rows = [row for row in counts if isinstance(row, list) and len(row) == len(classes) and all(map(_is_count, row))]
    return len(rows) == len(classes) and any(map(any, rows))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
