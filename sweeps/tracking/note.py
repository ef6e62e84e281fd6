"""The description of a study's run: best trial, counts, links, the best cells, and how to read all that."""

import dataclasses
import statistics
from collections import Counter
from collections.abc import Sequence

from sweeps.output import counted
from sweeps.report.best import leaders, winners
from sweeps.report.codes import note_of_codes
from sweeps.report.export import to_markdown
from sweeps.report.frame import trial_frame
from sweeps.report.measures import told_among
from sweeps.report.tables import Column, Table
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.literal import literal
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.run_names import short
from sweeps.tracking.saved_views import SavedView, of_studies
from sweeps.trial.files import StudyFiles

_LONGEST_NOTE = 4000
_MAX_ROWS, _MAX_COLUMNS, _MAX_KEYS, _MAX_LINKED = 10, 6, 3, 5
_WIDTH = 70
"""Characters of a line that the page has room for, beside the facts of a run."""

_HOW = (
    "Every row of the table is a trial, every column a swept key or the objective. Group them by the tag `cell` to "
    "average over seeds. Swept numbers are also metrics, under `x/`. A metric by its own name is of the last step; "
    "under `selected/` it is of the step that a trial has selected, as in tables. Among the artifacts `table.html`, "
    "`table.md` and `table.csv` have all cells with mean and spread."
)


def note(study: Study, view: MlflowView, files: StudyFiles, page: SavedView, table: Table | None) -> str:
    """The description of the study's run, in Markdown, at most 4,000 characters at any size of the study.

    Args:
        study: The study.
        view: The server, for the addresses of runs and views.
        files: The study's files.
        page: The view of its trials.
        table: Its cells, with mean and spread; None where no trial has completed.
    """
    trials = study.current_trials()
    counts = Counter(trial.state for trial in trials)
    told = ", ".join(
        f"{counts[state]} {state}" for state in ("completed", "pruned", "failed", "skipped") if counts[state]
    )
    parts = [f"**{counted(len(trials), 'trial')}**: {told or 'none has run'}."]
    parts.insert(0, _best_line(study, view, files, trials))
    table_link, studies_link = view.experiment.link(page), view.experiment.link(of_studies())
    charts = f"{table_link}&compareRunsMode=CHART"
    parts.append(f"[Table of the trials]({table_link}) · [Charts]({charts}) · [All studies]({studies_link})")
    if mixed := note_of_codes(trial_frame(study, trials).completed()):
        parts.append(literal(mixed))
    rest = [_HOW]
    if table is not None:
        rest = [_fitted(table, _LONGEST_NOTE - len("\n\n".join([*parts, _HOW])) - 4), *rest]
    return "\n\n".join(part for part in [*parts, *rest] if part)


def _best_line(study: Study, view: MlflowView, files: StudyFiles, trials: Sequence[TrialRow]) -> str:
    if study.directions[1:]:
        return _front_line(study, view, files, trials)
    best = winners(study, trials)
    if not best or best[0].point is None:
        return ""
    linked = _linked(best[0], view, files)
    values = [trial.outcome.values[0] for trial in best]  # type: ignore[union-attr]
    told = f"**Best**: {linked}, {literal(study.value_names[0])} = {values[0]:.6g} ({study.directions[0]})"
    mean = f", the best seed of the cell with the best mean, {statistics.fmean(values):.6g} over {len(best)} seeds"
    among = "".join(f" Compared: {literal(text)}." for text in told_among(study, trials))
    return f"{told}{mean if len(best) > 1 else ''}.{among}"


def _front_line(study: Study, view: MlflowView, files: StudyFiles, trials: Sequence[TrialRow]) -> str:
    """The Pareto set of several objectives; of points with several seeds the best seed of each."""
    front = leaders(study, trials)
    if not front:
        return ""
    aims = zip(study.value_names, study.directions, strict=True)
    by = ", ".join(f"{literal(name)} ({way})" for name, way in aims)
    shown = ", ".join(_linked(trial, view, files) for trial in front[:_MAX_LINKED])
    more = f" and {len(front) - _MAX_LINKED} more" if len(front) > _MAX_LINKED else ""
    return f"**Pareto set** by {by}: {counted(len(front), 'point')}, {shown}{more}."


def _linked(trial: TrialRow, view: MlflowView, files: StudyFiles) -> str:
    assert trial.point is not None
    run_id = view.find(TrialCard(number=trial.number, point=trial.point, files=files.trial(trial.number)))
    name = f"trial {trial.number}"
    return f"[{name}]({view.experiment.link_of(run_id)})" if run_id else name


def _fitted(table: Table, room: int) -> str:
    """The best cells as Markdown, as many as `room` characters hold, and as few columns as a page shows whole."""
    order = _best_first(table.columns)
    for num_rows in range(min(_MAX_ROWS, len(order)), 0, -1):
        text = _narrow([_as_text(column.of_rows(order[:num_rows])) for column in _short_keys(table.columns)])
        left = len(order) - num_rows
        text += f"\n\nThe best {num_rows} of {len(order)} cells." if left else ""
        hidden = [column for column in table.columns if column.kind == "key"][_MAX_KEYS:]
        text += f"\n\nRows differ in {', '.join(literal(key.title) for key in hidden)}, too." if hidden else ""
        if len(text) <= room:
            return text
    return ""


def _narrow(columns: Sequence[Column]) -> str:
    """At most six columns, of the metrics at least the first one, in lines that do not push the page aside."""
    keys = [column for column in columns if column.kind == "key"][:_MAX_KEYS]
    metrics = [column for column in columns if column.kind == "metric"]
    count = [column for column in columns if column.kind == "count"]
    for num_metrics in range(_MAX_COLUMNS - len(keys) - len(count), 0, -1):
        text = to_markdown(Table(columns=(*keys, *count, *metrics[:num_metrics])))
        if max(map(len, text.splitlines())) <= _WIDTH:
            break
    return text


def _short_keys(columns: Sequence[Column]) -> list[Column]:
    """The columns, with the last part of a dotted key as heading where no other column ends so."""
    ends = Counter(short(column.title) for column in columns)
    return [
        dataclasses.replace(column, title=short(column.title))
        if column.kind == "key" and ends[short(column.title)] == 1
        else column
        for column in columns
    ]


def _best_first(columns: Sequence[Column]) -> list[int]:
    """Rows by the first metric that has a better and a worse; in the table's order where none has.

    Rows that lack more of the metrics come behind the others: their first metric may be a mean over fewer.
    """
    num_rows = len(columns[0].values)
    metrics = [column for column in columns if column.kind == "metric"]
    first = next((column for column in metrics if column.direction), None)
    if first is None:
        return list(range(num_rows))
    sign = -1.0 if first.direction == "max" else 1.0

    def place(row: int) -> tuple[bool, int, float]:
        value, num_missing = first.values[row], sum(column.values[row] is None for column in metrics)
        return (value is None, num_missing, 0.0 if value is None else sign * value)

    return sorted(range(num_rows), key=place)


def _as_text(column: Column) -> Column:
    """The column so that its heading, and values which are text, are shown as they are."""
    values = tuple(literal(value) if isinstance(value, str) else value for value in column.values)
    return dataclasses.replace(column, title=literal(column.title), values=values)
