"""The benchmark table, and the trials without a result, as rows of the page."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sweeps.outcome import Failed, Pruned
from sweeps.output import counted
from sweeps.report.export import EXPORTS
from sweeps.report.findings import Findings
from sweeps.report.lines import describe, left_out_line, result
from sweeps.report.tables import benchmark_table
from sweeps.study.records import TrialRow

_MAX_ROWS, _MAX_FAILURES, _MAX_TAILS, _MAX_LINES = 100, 50, 10, 15
_CELL = re.compile(r"(?<!\\)\|")
_MARKS: Sequence[tuple[re.Pattern[str], Literal["best", "same"]]] = (
    (re.compile(r"\*\*(.*)\*\*"), "best"),
    (re.compile(r"<u>(.*)</u>"), "same"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the table; marked where it is the best, or not told apart from it."""

    text: str
    mark: Literal["", "best", "same"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The table.

    Attributes:
        heads: Its headings.
        words: Positions of the columns that are not numbers.
        rows: Its rows.
        notes: Paragraphs below it.
    """

    heads: Sequence[str]
    words: frozenset[int]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str]


def table_rows(findings: Findings) -> Rows | None:
    """What `sweeps table` prints, the first hundred rows of it; None where no trial has completed."""
    table = benchmark_table(findings.trials)
    if table is None:
        return None
    lines = EXPORTS["md"].data(table).decode().splitlines()
    heads, ruler, *rows = (_cells(line) for line in lines if line.startswith("|"))
    notes = [line for line in lines if line and not line.startswith("|")]
    if len(rows) > _MAX_ROWS:
        notes.append(f"The first {_MAX_ROWS} of {len(rows):,} rows. `sweeps table` has all of them.")
    notes += [left_out_line(study.name, study.trials()) for study in findings.studies]
    return Rows(
        heads=heads,
        words=frozenset(i for i, rule in enumerate(ruler) if not rule.endswith(":")),
        rows=[[_marked(text) for text in row] for row in rows[:_MAX_ROWS]],
        notes=[note for note in notes if note],
    )


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]


def _marked(text: str) -> Cell:
    for pattern, mark in _MARKS:
        if found := pattern.fullmatch(text):
            return Cell(text=found[1], mark=mark)
    return Cell(text=text)


def failures(findings: Findings) -> Mapping[str, Any]:
    """The trials that have failed, then those that were pruned, with what is known of each."""
    has_several = len(findings.studies) > 1
    ended = [(i, trial) for i, trial in findings.rows if isinstance(trial.outcome, Failed | Pruned)]
    ended.sort(key=lambda each: isinstance(each[1].outcome, Pruned))
    causes = Counter(_cause(trial) for _, trial in ended)
    told = ", ".join(f"{counted(count, 'trial')} {cause}" for cause, count in causes.most_common())
    left = f" The first {_MAX_FAILURES} are listed." if len(ended) > _MAX_FAILURES else ""
    rows = [
        {
            "name": f"{findings.studies[i].name} {trial.number}" if has_several else str(trial.number),
            "state": trial.state,
            "attempts": trial.attempt,
            "point": describe(trial.point),
            "why": result(trial) or _last(trial),
            "tail": _tail(trial) if position < _MAX_TAILS else "",
        }
        for position, (i, trial) in enumerate(ended[:_MAX_FAILURES])
    ]
    return {"summary": f"{told}.{left}", "rows": rows}


def _cause(trial: TrialRow) -> str:
    return f"failed ({trial.outcome.cause})" if isinstance(trial.outcome, Failed) else "pruned"


def _last(trial: TrialRow) -> str:
    values = trial.outcome.values if isinstance(trial.outcome, Pruned) else ()
    return f"stopped by the pruner at {', '.join(f'{value:.6g}' for value in values) or 'no value'}"


def _tail(trial: TrialRow) -> str:
    tail = trial.outcome.log_tail if isinstance(trial.outcome, Failed) else ""
    return "\n".join(tail.splitlines()[-_MAX_LINES:])
