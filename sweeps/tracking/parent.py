"""The run of a study: what is known of all its trials, live, and the study's page once they have ended."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from sweeps.owners import is_known_dead
from sweeps.report.best import leaders, winners
from sweeps.report.export import EXPORTS, TRACKED, Export
from sweeps.report.frame import trial_frame
from sweeps.report.portable import FILE
from sweeps.report.tables import Table, benchmark_table
from sweeps.space import REPLICATE_KEY
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.cards import BEST, Tag, TrialCard, swept
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.note import note
from sweeps.tracking.reported import kept_report
from sweeps.tracking.runs import Run
from sweeps.tracking.saved_views import SavedView, of_studies, of_study
from sweeps.trial import journal
from sweeps.trial.curves import Sample
from sweeps.trial.files import StudyFiles


def show_progress(study: Study, view: MlflowView, files: StudyFiles) -> None:
    """Send counts, best and cost so far, and keep the views that links open."""
    trials = study.current_trials()
    view.experiment.keep(of_studies())
    view.experiment.keep(view_of(study, trials, files))
    view.send(view.parent(), _figures(study, trials))
    _tell_earlier_ones(study, view)


def finish(study: Study, view: MlflowView, files: StudyFiles) -> None:
    """Put the tables and a note on the parent run, and close it: as failed where no trial has a result."""
    show_progress(study, view, files)
    trials = study.current_trials()
    table = benchmark_table(trial_frame(study))
    if table is not None:
        from sweeps.report.asked import Asked, Looked, table_of  # with pandas, for which no start of a sweep waits

        looked = Looked.at([study])
        captioned = table_of(looked, Asked())
        for name, export in _tables().items():
            view.attach(view.parent(), name, export.data(captioned))
        view.attach(view.parent(), FILE, looked.portable().to_json())
    for name, path in kept_report(study, files):
        view.attach(view.parent(), name, path)
    _describe(study, view, files, table)
    has_result = not trials or any(trial.state in ("completed", "pruned") for trial in trials)
    ended = [event.at for event in study.events()]
    view.end(view.parent(), "FINISHED" if has_result else "FAILED", round(1000 * max(ended)) if ended else None)


def _describe(study: Study, view: MlflowView, files: StudyFiles, table: Table | None) -> None:
    described = note(study, view, files, view_of(study, study.current_trials(), files), table)
    view.send(view.parent(), (), tags={"mlflow.note.content": described})


def _tell_earlier_ones(study: Study, view: MlflowView) -> None:
    """Mark the runs of trials of an earlier configuration, which tables and views leave out, and the others."""
    trials = study.trials()
    if all(trial.is_current for trial in trials):
        return
    said = {str(trial.number): "today" if trial.is_current else "earlier" for trial in trials}
    for run in view.runs("trial"):
        is_of = said.get(run.tags.get(Tag.TRIAL, ""))
        if is_of is not None and run.tags.get(Tag.CONFIGURATION) != is_of:
            view.send(run.id, (), tags={Tag.CONFIGURATION: is_of})


def lacks(study: Study, view: MlflowView, run: Run) -> Iterator[str]:
    """What is wrong with the run of a study, in a few words each, unless a worker keeps it up to date."""
    if is_worked_on(study):
        return
    if not study.is_at_rest():
        if run.status == "RUNNING":
            yield "nobody works on the study, its run is RUNNING"
        return
    if run.status not in ("FINISHED", "FAILED"):
        yield f"the study has ended, its run is {run.status}"
    missing = sorted({*_tables(), FILE} - view.sizes(run.id).keys())
    if missing and benchmark_table(trial_frame(study)) is not None:
        yield f"{', '.join(missing)} of the study's run {'is' if len(missing) == 1 else 'are'} not in MLflow"


def _tables() -> dict[str, Export]:
    return {f"table{EXPORTS[name].suffix}": EXPORTS[name] for name in TRACKED}


def pause(study: Study, view: MlflowView, files: StudyFiles) -> None:
    """Leave the parent run as one that waits for a worker, unless another worker runs trials of the study."""
    show_progress(study, view, files)
    _describe(study, view, files, benchmark_table(trial_frame(study)))
    if not is_worked_on(study):
        view.put_back(view.parent())


def is_worked_on(study: Study) -> bool:
    """Whether somebody runs a trial of it, as far as this machine can know."""
    return any(trial.state == "running" and not is_known_dead(trial.worker or "") for trial in study.trials())


def view_of(study: Study, trials: Sequence[TrialRow], files: StudyFiles) -> SavedView:
    """The study's trials in the server's table and charts.

    Args:
        study: The study.
        trials: Its trials.
        files: Their files; the journal of a trial that has completed says which metrics have a course.
    """
    seed_key = study.facts.get("seed_key", REPLICATE_KEY)
    points = [trial.point.leaves for trial in trials if trial.point is not None]
    keys = dict.fromkeys(key for point in points for key in point.axes(seed_key))
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
        has_roles=any(point.role for point in points),
        has_earlier=len(study.current_trials()) < len(study.trials()),
        single=sorted(name for name, count in counts.items() if count == 1 and name.startswith("test/")),
    )


def _samples_per_metric(trials: Sequence[TrialRow], files: StudyFiles) -> Counter[str]:
    for trial in trials:
        path = files.trial(trial.number).journal
        if trial.state == "completed" and path.is_file():
            return Counter(sample.name for sample in journal.samples(path))
    return Counter()


def _course_of(objective: str, curves: Sequence[str]) -> str | None:
    """The curve that an objective sums up: of its name, or of the start of its name, as `val/acc` of `val/acc_max`."""
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
    elif study.directions[1:]:
        figures["trials/pareto"] = float(len(leaders(study, trials)))
    now = time.time_ns() // 1_000_000
    return [Sample(name, value, 0, now) for name, value in figures.items()]
