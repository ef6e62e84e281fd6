"""Compares what the study, the journals and the tracking server say of a trial."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from sweeps.errors import StudyError
from sweeps.identity.provenance import flat
from sweeps.outcome import Completed, was_run
from sweeps.owners import is_known_dead
from sweeps.report.typed import looked_at
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.compared import Compared, Comparison, compare
from sweeps.tracking.complaints import told
from sweeps.tracking.follow import card_of
from sweeps.tracking.gathered import gathered
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.parent import lacks
from sweeps.tracking.sync import sync
from sweeps.trial.configured import config_in
from sweeps.trial.files import StudyFiles
from sweeps.values import typed

_SURELY_GONE_S = 600.0
"""Silence after which a worker of another machine is gone; one of this machine is judged by its process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not fit, and what to do about it."""

    problem: str
    advice: str


def examine(study: Study, files: StudyFiles, connect: Callable[[], MlflowView] | None) -> list[Finding]:
    """Every disagreement of a study.

    Args:
        study: The study.
        files: Its files on this machine.
        connect: Makes the view of the tracking server; None leaves it out.
    """
    trials = study.trials()
    findings = [*_unfinished(study, trials), *_mirror(study), *_results(trials)]
    with gathered(study, files) as found:
        findings += [*_journals(study, trials, files, found), *_configurations(study, found)]
        if connect is not None:
            findings += _runs(study, found, connect)
    return findings


def _unfinished(study: Study, trials: list[TrialRow]) -> Iterator[Finding]:
    last = {event.number: event for event in study.events()}
    for trial in trials:
        if trial.state == "open":
            event = last.get(trial.number)
            story = f"is open: attempt {event.attempt} {event.what}, {event.why}" if event else _without_events(trial)
            yield Finding(problem=f"trial {trial.number} {story}", advice=looked_at("worker", study))
        elif trial.state == "running":
            gone = is_known_dead(trial.worker or "")
            what = f"its worker {trial.worker} is gone" if gone else f"worker {trial.worker} runs it"
            advice = looked_at("worker", study) if gone else "wait, or stop that worker"
            yield Finding(problem=f"trial {trial.number} is running: {what}", advice=advice)


def _without_events(trial: TrialRow) -> str:
    # An earlier version kept no events.
    return f"is open after {trial.attempt} attempts, of which nothing is known" if trial.attempt else "has not run"


def _results(trials: list[TrialRow]) -> Iterator[Finding]:
    done = [trial for trial in trials if trial.point and isinstance(trial.outcome, Completed)]
    keys = {trial.number: trial.point.identity or trial.point.key for trial in done if trial.point}
    for key, count in Counter(keys.values()).items():
        if count > 1:
            numbers = ", ".join(str(number) for number, its_key in keys.items() if its_key == key)
            yield Finding(
                problem=f"trials {numbers} completed the same point", advice="a sampler may draw a point twice"
            )


def _mirror(study: Study) -> Iterator[Finding]:
    # A worker that lives writes them some seconds later.
    for number in () if study.counts()["running"] else study.unmirrored():
        yield Finding(problem=f"trial {number} differs in Optuna's tables", advice="the study's next worker mends it")


def _journals(study: Study, trials: list[TrialRow], files: StudyFiles, found: StudyFiles) -> Iterator[Finding]:
    for trial in trials:
        if not isinstance(trial.outcome, Completed):
            continue
        card = card_of(study, trial, found)
        if card is None:
            problem = f"trial {trial.number} has no directory under {files.directory}"
            yield Finding(problem=problem, advice="it ran elsewhere")
        elif not card.files.journal.is_file():
            yield Finding(problem=f"trial {trial.number} has no journal", advice="its metrics cannot be sent again")


def _configurations(study: Study, files: StudyFiles) -> Iterator[Finding]:
    """Trials whose configurations differ in more than their overrides: a file was edited between them."""
    first: dict[str, tuple[int, dict[str, str]]] = {}
    for trial in study.current_trials():
        card = card_of(study, trial, files)
        if trial.point is None or card is None or not (text := card.written().config_text):
            continue
        try:
            found = dict(flat(config_in(text) or {}))
        except (yaml.YAMLError, RecursionError):
            config = card.files.config
            shown = config.resolve() if card.files.directory.is_symlink() else config.name  # of another machine
            yield Finding(problem=f"trial {trial.number}: {shown} is damaged", advice="do not trust it")
            continue
        values = {key.lstrip("+") for key in trial.point.overrides}
        rest = {key: value for key, value in found.items() if key not in values}
        groups = {key: value for key, value in trial.point.overrides.items() if key.lstrip("+") not in found}
        number, before = first.setdefault(typed(groups), (trial.number, rest))
        for key in sorted(before.keys() & rest.keys()):
            if before[key] != rest[key]:
                problem = f"trials {number} and {trial.number} differ in {key}: {before[key]} and {rest[key]}"
                yield Finding(problem=problem, advice="a file was edited between them; do not compare them")
                break


def _runs(study: Study, files: StudyFiles, connect: Callable[[], MlflowView]) -> Iterator[Finding]:
    sync = looked_at("sync", study)
    try:
        view = connect()
        found = compare(study, files, view)
        of_study = list(_run_of_study(study, found, view))
    except StudyError:
        yield Finding(problem="MLflow's database is not there", advice=sync)
        return
    # The client raises many kinds; for the user they are one.
    except Exception as error:
        yield Finding(problem=f"tracking {told(error)}", advice="see what the server says")
        return
    for problem in of_study:
        yield Finding(problem=problem, advice=sync)
    for one in found.trials:
        for problem in _run(one):
            is_known = one.card is not None or one.trial.outcome is None
            yield Finding(problem=problem, advice=sync if is_known else f"{sync}, on the machine that ran it")
        for name in one.lost:
            problem = f"trial {one.trial.number}: {name} is neither in MLflow nor here"
            yield Finding(problem=problem, advice=f"{sync}, on the machine that ran it")
    for number, count in found.strangers.items():
        yield Finding(problem=f"MLflow has {count} runs of trial {number}, the study has none", advice="delete them")


def _run_of_study(study: Study, found: Comparison, view: MlflowView) -> Iterator[str]:
    if len(found.parents) == 1:
        yield from lacks(study, view, found.parents[0])
    elif found.parents or any(one.trial.outcome is not None for one in found.trials):
        yield f"the study has {len(found.parents)} runs in MLflow"


def _run(one: Compared) -> Iterator[str]:
    """What is wrong with the run of a trial, one line each."""
    number, num_runs = one.trial.number, len(one.others) + (one.run is not None)
    has_run = one.trial.outcome is not None and was_run(one.trial.outcome)
    if num_runs > 1 or (num_runs == 0 and has_run):
        yield f"trial {number} has {num_runs} runs in MLflow"
    for problem in (*one.problems, *(why for _, why in one.lacks)):
        yield f"trial {number}: {problem}"
    if one.is_astray and one.parent is not None:
        yield f"trial {number}: its run is not below the study's"


def mend(
    study: Study, files: StudyFiles, connect: Callable[[], MlflowView] | None, tell: Callable[[str], None]
) -> None:
    """Mend what can be mended without running a trial.

    Trials of workers that are gone are open again, Optuna's tables get what they lack, and the server is sent what it
    lacks.

    Args:
        study: The study.
        files: Its files on this machine.
        connect: Makes the view of the tracking server; None leaves it out.
        tell: Shows the user one line per thing that cannot be mended.
    """
    study.reap(_SURELY_GONE_S, "sweeps doctor")
    study.reconcile()
    if connect is not None:
        try:
            sync(study, connect(), files, tell)
        # As in `_runs`, which tells it, too.
        except Exception as error:
            tell(f"tracking {told(error)}")
