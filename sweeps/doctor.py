"""Compares what the study, the journals and the tracking server say of a trial."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from sweeps.identity.provenance import flat
from sweeps.outcome import Completed
from sweeps.owners import is_known_dead
from sweeps.report.typed import looked_at
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.cards import Tag, TrialCard, status_of
from sweeps.tracking.complaints import told
from sweeps.tracking.follow import card_of
from sweeps.tracking.mlflow import MlflowView
from sweeps.trial.files import StudyFiles
from sweeps.values import typed


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
    findings = [*_unfinished(study, trials), *_mirror(study), *_results(trials), *_journals(study, trials, files)]
    findings += _configurations(study, files)
    if connect is not None:
        findings += _runs(study, trials, files, connect)
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
    for number in study.unmirrored():
        yield Finding(problem=f"trial {number} differs in Optuna's tables", advice="the study's next worker mends it")


def _journals(study: Study, trials: list[TrialRow], files: StudyFiles) -> Iterator[Finding]:
    for trial in trials:
        if not isinstance(trial.outcome, Completed):
            continue
        card = card_of(study, trial, files)
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
            found = dict(flat(yaml.safe_load(text) or {}))
        except yaml.YAMLError:
            yield Finding(problem=f"trial {trial.number}: {card.files.config} is damaged", advice="do not trust it")
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


def _runs(
    study: Study, trials: list[TrialRow], files: StudyFiles, connect: Callable[[], MlflowView]
) -> Iterator[Finding]:
    sync = looked_at("sync", study)
    try:
        view = connect()
        runs = view.children()
    # The client raises many kinds; for the user they are one.
    except Exception as error:
        yield Finding(problem=f"tracking {told(error)}", advice="see what the server says")
        return
    by_trial: dict[str, list[Any]] = {}
    for run in runs:
        by_trial.setdefault(run.data.tags.get(Tag.TRIAL, "?"), []).append(run)
    for trial in trials:
        found = by_trial.pop(str(trial.number), [])
        if trial.outcome is not None:
            yield from _run(view, trial, found, card_of(study, trial, files), sync)
    for number, found in by_trial.items():
        yield Finding(
            problem=f"MLflow has {len(found)} runs of trial {number}, the study has none", advice="delete them"
        )


def _run(view: MlflowView, trial: TrialRow, found: list[Any], card: TrialCard | None, sync: str) -> Iterator[Finding]:
    if len(found) != 1:
        yield Finding(problem=f"trial {trial.number} has {len(found)} runs in MLflow", advice=sync)
        return
    run = found[0]
    status = run.info.status
    if trial.outcome is not None and status != status_of(trial.outcome):
        yield Finding(problem=f"trial {trial.number} is {trial.state}, its run is {status}", advice=sync)
    if card is not None:
        yield from _samples(view, run, trial, card, sync)


def _samples(view: MlflowView, run: Any, trial: TrialRow, card: TrialCard, sync: str) -> Iterator[Finding]:
    expected = Counter(sample.name for sample in card.samples(trial.outcome))
    expected.subtract(json.loads(run.data.tags.get(Tag.REFUSED) or "{}"))
    for name, count in expected.items():
        there = len(view.history(run.info.run_id, name))
        if there != count:
            yield Finding(
                problem=f"trial {trial.number}: {name} has {there} samples in MLflow, {count} recorded", advice=sync
            )
