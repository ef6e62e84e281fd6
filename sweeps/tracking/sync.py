"""Makes the tracking server show a study: whatever is missing there is sent, whatever is there stays."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from sweeps.outcome import kind
from sweeps.study.study import Study
from sweeps.tracking.cards import Tag, TrialCard, status_of
from sweeps.tracking.compared import Compared, compare, in_flight
from sweeps.tracking.complaints import is_refusal, reason
from sweeps.tracking.follow import card_of
from sweeps.tracking.gathered import gathered
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.models import keep_models
from sweeps.tracking.parent import finish, is_worked_on, pause
from sweeps.tracking.runs import Run, is_of_another
from sweeps.tracking.upload import Upload, kept_files
from sweeps.trial.files import StudyFiles

_THERE = "`sweeps sync` on the machine that ran it sends it."


def sync(
    study: Study, view: MlflowView, files: StudyFiles, tell: Callable[[str], None] = lambda line: None
) -> list[int]:
    """Make the tracking server show the study; what is there already stays.

    Args:
        study: The study.
        view: Where it is shown.
        files: Its files on this machine; those of other machines are in the database.
        tell: Shows the user one line per thing that the server refuses, or that nobody has any more.

    Returns:
        The numbers of the trials of which something had to be sent.
    """
    # Runs are made without a look at the server before each: two at once would make them twice.
    with study.database.lock("sync"), gathered(study, files, keeps=True) as found:
        view.parent()
        comparison = compare(study, found, view)
        for other in comparison.parents[1:]:
            view.supersede(other.id)
        sent = _mend(comparison.trials, view, tell)
        if sent:
            _drop_doubles(view)
        if study.is_at_rest():
            keep_models(study, view, found, card_of, tell)
            finish(study, view, found)
        elif not is_worked_on(study):
            pause(study, view, found)
    return sent


def _mend(compared: Sequence[Compared], view: MlflowView, tell: Callable[[str], None]) -> list[int]:
    for line in (line for one in compared for line in _beyond_mending(one)):
        tell(line)
    wrong = [one for one in compared if one.is_wrong]
    sent = []
    for one, (is_sent, lines) in zip(wrong, in_flight(lambda one: _mended(one, view), wrong, view.uri), strict=True):
        sent += [one.trial.number] if is_sent else []
        for line in lines:
            tell(line)
    return sent


def _beyond_mending(one: Compared) -> Iterator[str]:
    number = one.trial.number
    if one.trial.outcome is not None and one.card is None and (one.run is None or one.problems):
        yield f"Trial {number} ran elsewhere, and the study does not have its journal: {_THERE}"
    for name in one.lost:
        yield f"{name} of trial {number} is neither in MLflow nor here: {_THERE}"


def _mended(one: Compared, view: MlflowView) -> tuple[bool, list[str]]:
    """Send what is missing of a trial; whether it is there now, and a line for each thing that the server refuses."""
    try:
        return True, _sent(one, view)
    except Exception as error:
        if not is_refusal(error):
            raise
        return False, [f"MLflow refuses the run of trial {one.trial.number}: {reason(error)}"]


def _sent(one: Compared, view: MlflowView) -> list[str]:
    for other in one.others:
        view.supersede(other.id)
    run, outcome, complaints = one.run, one.trial.outcome, list[str]()
    if outcome is not None and one.card is not None and (run is None or one.problems):
        upload = Upload(one.card, outcome)
        upload.rebuild(view, _continued(one, one.card, view))
        complaints = upload.complaints()
    elif outcome is not None and one.card is not None and run is not None:
        kept = kept_files(one.card, outcome)
        for name, _ in one.lacks:
            view.attach(run.id, name, kept[name])
    elif run is not None and one.problems:
        _set_status(one, run, view)
    if run is not None and one.is_astray:
        view.send(run.id, (), tags={"mlflow.parentRunId": view.parent()})
    return complaints


def _continued(one: Compared, card: TrialCard, view: MlflowView) -> str | None:
    """The run to which the rest of a trial is sent; None where it has none, or one with samples of another attempt."""
    if one.run is None or one.trial.outcome is None:
        return None
    if not is_of_another(one.run, card, one.trial.outcome):
        return one.run.id
    view.supersede(one.run.id)
    return None


def _set_status(one: Compared, run: Run, view: MlflowView) -> None:
    """Say how a trial stands of which nothing more is known here."""
    outcome = one.trial.outcome
    state = "skipped" if one.trial.state == "skipped" else "open"
    view.send(run.id, (), tags={Tag.STATE: kind(outcome) if outcome is not None else state})
    if outcome is not None:
        view.end(run.id, status_of(outcome))
    else:
        view.put_back(run.id)


def _drop_doubles(view: MlflowView) -> None:
    """Set runs aside that a worker has made of the same trials meanwhile."""
    runs = view.runs("trial")
    counts = Counter(run.tags.get(Tag.TRIAL) for run in runs)
    doubles = [run for run in runs if counts[run.tags.get(Tag.TRIAL)] > 1]
    kept = {run.tags.get(Tag.TRIAL): run.id for run in sorted(doubles, key=lambda run: Tag.NUM_SAMPLES in run.tags)}
    for run in doubles:
        if run.id != kept[run.tags.get(Tag.TRIAL)]:
            view.supersede(run.id)
