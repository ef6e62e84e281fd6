"""The run of a study: what is known of all its trials, live, and the study's page once they have ended."""

import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from sweeps.owners import is_known_dead
from sweeps.report.best import winners
from sweeps.report.export import EXPORTS, Export, to_markdown
from sweeps.report.frame import trial_frame
from sweeps.report.tables import Column, Table, benchmark_table
from sweeps.space import REPLICATE_KEY
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.cards import BEST, TrialCard, swept
from sweeps.tracking.literal import literal
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.runs import Run
from sweeps.tracking.saved_views import SavedView, of_studies, of_study
from sweeps.trial import journal
from sweeps.trial.curves import Sample
from sweeps.trial.files import StudyFiles

_LONGEST_NOTE = 4000
_MAX_ROWS, _MAX_COLUMNS, _MAX_KEYS = 10, 6, 3
_HOW = (
    "Every row of the table is a trial, every column a swept key or the objective. Group them by the tag `cell` to "
    "average over seeds. Swept numbers are also metrics, under `x/`. `table.csv` and `table.md`, among the artifacts, "
    "have all cells with mean and spread."
)


def show_progress(study: Study, view: MlflowView, files: StudyFiles) -> None:
    """Send counts, best and cost so far, and keep the views that links open."""
    trials = study.current_trials()
    view.experiment.keep(of_studies())
    view.experiment.keep(view_of(study, trials, files))
    view.send(view.parent(), _figures(study, trials))


def finish(study: Study, view: MlflowView, files: StudyFiles) -> None:
    """Put the tables and a note on the parent run, and close it: as failed where no trial has a result."""
    show_progress(study, view, files)
    trials = study.current_trials()
    table = benchmark_table(trial_frame(study))
    if table is not None:
        for name, export in _tables().items():
            view.attach(view.parent(), name, export.data(table))
    view.send(view.parent(), (), tags={"mlflow.note.content": _note(study, view, files, trials, table)})
    has_result = not trials or any(trial.state in ("completed", "pruned") for trial in trials)
    ended = [event.at for event in study.events()]
    view.end(view.parent(), "FINISHED" if has_result else "FAILED", round(1000 * max(ended)) if ended else None)


def lacks(study: Study, view: MlflowView, run: Run) -> Iterator[str]:
    """What is wrong with the run of a study, in a few words each, unless a worker keeps it up to date."""
    if any(trial.state == "running" and not is_known_dead(trial.worker or "") for trial in study.trials()):
        return
    if not study.is_finished():
        if run.status == "RUNNING":
            yield "nobody works on the study, its run is RUNNING"
        return
    if run.status not in ("FINISHED", "FAILED"):
        yield f"the study has ended, its run is {run.status}"
    missing = sorted(_tables().keys() - view.sizes(run.id))
    if missing and benchmark_table(trial_frame(study)) is not None:
        yield f"{', '.join(missing)} of the study's run {'is' if len(missing) == 1 else 'are'} not in MLflow"


def _tables() -> dict[str, Export]:
    return {f"table{export.suffix}": export for export in EXPORTS.values()}


def pause(study: Study, view: MlflowView, files: StudyFiles) -> None:
    """Leave the parent run as one that waits for a worker, unless another worker runs trials of the study."""
    show_progress(study, view, files)
    if not any(trial.state == "running" for trial in study.trials()):
        view.put_back(view.parent())


def view_of(study: Study, trials: Sequence[TrialRow], files: StudyFiles) -> SavedView:
    """The study's trials in the server's table and charts.

    Args:
        study: The study.
        trials: Its trials.
        files: Their files; the journal of a trial that has completed says which metrics have a course.
    """
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    points = [trial.point for trial in trials if trial.point is not None]
    keys = dict.fromkeys(key for point in points for key in point.varied if key.lstrip("+") != seed_key)
    names = {
        number
        for point in points
        for number in TrialCard(number=0, point=point, files=files.trial(0), seed_key=seed_key).numbers
    }
    objectives = dict(zip(study.value_names, study.directions, strict=True))
    counts = _samples_per_metric(trials, files)
    return of_study(
        study.facts["key"],
        study.name,
        objectives,
        varied=list(keys),
        numbers=[key for key in keys if swept(key) in names],
        curve=_course_of(next(iter(objectives), ""), [name for name, count in counts.items() if count > 1]),
        by_epoch=counts["epoch"] > 1,
        single=sorted(name for name, count in counts.items() if count == 1 and name.startswith("test/")),
    )


def _samples_per_metric(trials: Sequence[TrialRow], files: StudyFiles) -> Counter[str]:
    for trial in trials:
        path = files.trial(trial.number).journal
        if trial.state == "completed" and path.is_file():
            return Counter(sample.name for sample in journal.samples(path))
    return Counter()


def _course_of(objective: str, curves: Sequence[str]) -> str | None:
    """The curve that an objective sums up: of its name, or of the start of its name, as `val/acc` of `val/acc_best`."""
    fitting = [name for name in curves if objective.startswith(name)]
    return max(fitting, key=len, default=None)


def _figures(study: Study, trials: Sequence[TrialRow]) -> list[Sample]:
    counts = Counter(trial.state for trial in trials)
    outcomes = [trial.outcome for trial in trials if trial.outcome is not None]
    figures = {
        f"trials/{state}": float(counts[state]) for state in ("completed", "failed", "pruned", "running", "open")
    }
    figures["cost/seconds"] = sum(outcome.duration_s for outcome in outcomes)
    if best := winners(study, trials):
        value = statistics.fmean(trial.outcome.values[0] for trial in best)  # type: ignore[union-attr]
        figures |= {f"{BEST}{study.value_names[0]}": value, f"{BEST}objective": value}
    now = time.time_ns() // 1_000_000
    return [Sample(name, value, 0, now) for name, value in figures.items()]


def _note(study: Study, view: MlflowView, files: StudyFiles, trials: Sequence[TrialRow], table: Table | None) -> str:
    counts = Counter(trial.state for trial in trials)
    told = ", ".join(f"{counts[state]} {state}" for state in ("completed", "pruned", "failed") if counts[state])
    parts = [f"**{len(trials)} trials**: {told or 'none has run'}."]
    parts.insert(0, _best_line(study, view, files, trials))
    mine, all_studies = view_of(study, trials, files), of_studies()
    table_link, studies_link = view.experiment.link(mine), view.experiment.link(all_studies)
    charts = f"{table_link}&compareRunsMode=CHART"
    parts.append(f"[Table of the trials]({table_link}) · [Charts]({charts}) · [All studies]({studies_link})")
    rest = [_HOW]
    if table is not None:
        rest = [_fitted(table, _LONGEST_NOTE - len("\n\n".join([*parts, _HOW])) - 4), *rest]
    return "\n\n".join(part for part in [*parts, *rest] if part)


def _best_line(study: Study, view: MlflowView, files: StudyFiles, trials: Sequence[TrialRow]) -> str:
    best = winners(study, trials)
    if not best or best[0].point is None:
        return ""
    card = TrialCard(number=best[0].number, point=best[0].point, files=files.trial(best[0].number))
    run_id = view.find(card)
    name = f"trial {best[0].number}"
    linked = f"[{name}](#/experiments/{view.experiment.id}/runs/{run_id})" if run_id else name
    values = [trial.outcome.values[0] for trial in best]  # type: ignore[union-attr]
    told = f"**Best**: {linked}, {literal(study.value_names[0])} = {values[0]:.6g} ({study.directions[0]})"
    mean = f", the best seed of the cell with the best mean, {statistics.fmean(values):.6g} over {len(best)} seeds"
    return f"{told}{mean if len(best) > 1 else ''}."


def _fitted(table: Table, room: int) -> str:
    """The ten best rows in at most six columns, as Markdown; fewer rows where they take more characters than `room`."""
    chosen = _best_columns(table.columns)
    order = _best_first(table.columns)
    for num_rows in range(min(_MAX_ROWS, len(order)), 0, -1):
        rows = order[:num_rows]
        text = to_markdown(Table(columns=tuple(_as_text(_rows_of(column, rows)) for column in chosen)))
        left = len(order) - num_rows
        text += f"\n\nThe best {num_rows} of {len(order)} cells." if left else ""
        if len(text) <= room:
            return text
    return ""


def _best_columns(columns: Sequence[Column]) -> list[Column]:
    keys = [column for column in columns if column.kind == "key"][:_MAX_KEYS]
    metrics = [column for column in columns if column.kind == "metric"]
    count = [column for column in columns if column.kind == "count"]
    return [*keys, *count, *metrics[: _MAX_COLUMNS - len(keys) - len(count)]]


def _best_first(columns: Sequence[Column]) -> list[int]:
    """Rows by the first metric that has a better and a worse; in the table's order where none has."""
    num_rows = len(columns[0].values)
    for column in columns:
        if column.kind == "metric" and column.best:
            top = column.values[min(column.best)]
            known = [row for row in range(num_rows) if column.values[row] is not None]
            is_max = all(column.values[row] <= top for row in known)
            known.sort(key=lambda row: column.values[row], reverse=is_max)
            return [*known, *(row for row in range(num_rows) if column.values[row] is None)]
    return list(range(num_rows))


def _as_text(column: Column) -> Column:
    """The column so that its heading, and values which are text, are shown as they are."""
    values = tuple(literal(value) if isinstance(value, str) else value for value in column.values)
    return dataclasses.replace(column, title=literal(column.title), values=values)


def _rows_of(column: Column, rows: Sequence[int]) -> Column:
    return dataclasses.replace(
        column,
        values=tuple(column.values[row] for row in rows),
        spreads=tuple(column.spreads[row] for row in rows) if column.spreads else (),
        best=frozenset(i for i, row in enumerate(rows) if row in column.best),
    )
