"""The benchmark table, and the trials without a result, as the page has them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sweeps.outcome import Failed, Pruned, was_run
from sweeps.output import counted
from sweeps.report.findings import Findings
from sweeps.report.lines import describe, left_out_line, result
from sweeps.report.markup import to_fragment
from sweeps.report.tables import benchmark_table
from sweeps.study.records import TrialRow

_MAX_ROWS, _MAX_FAILURES, _MAX_TAILS, _MAX_LINES = 100, 50, 10, 15


def table_fragment(findings: Findings) -> str | None:
    """The table as HTML, the first hundred rows of it; None where no trial has ended."""
    table = benchmark_table(findings.trials)
    if table is None:
        return None
    notes = list(table.notes)
    if table.num_rows > _MAX_ROWS:
        notes.append(f"The first {_MAX_ROWS} of {table.num_rows:,} rows; `sweeps table` has all of them.")
        table = table.of_rows(range(_MAX_ROWS))
    notes += filter(None, (left_out_line(study.name, study.trials()) for study in findings.studies))
    return to_fragment(replace(table, notes=tuple(notes)))


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
            "why": result(trial),
            "tail": _tail(trial) if position < _MAX_TAILS else "",
        }
        for position, (i, trial) in enumerate(ended[:_MAX_FAILURES])
    ]
    return {"summary": f"{told}.{left}", "rows": rows}


def _cause(trial: TrialRow) -> str:
    if isinstance(trial.outcome, Failed):
        return f"failed ({trial.outcome.cause})"
    return "pruned" if trial.outcome is None or was_run(trial.outcome) else "not run"


def _tail(trial: TrialRow) -> str:
    tail = trial.outcome.log_tail if isinstance(trial.outcome, Failed) else ""
    return "\n".join(tail.splitlines()[-_MAX_LINES:])
