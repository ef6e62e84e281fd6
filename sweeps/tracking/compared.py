"""What the tracking server lacks of a study, trial by trial: what doctor tells, and sync mends."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TypeVar

from sweeps.owners import is_known_dead
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.cards import Tag, TrialCard, status_of
from sweeps.tracking.follow import card_of
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.runs import Run, is_of_another, missing_samples
from sweeps.tracking.stored import as_kept
from sweeps.tracking.upload import kept_files
from sweeps.trial.artifacts import absent
from sweeps.trial.files import StudyFiles

_IN_FLIGHT = 4
"""Requests at once; an embedded database takes one after the other."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A trial and its run.

    Attributes:
        trial: The trial.
        card: What its run should be; None where nobody here knows, or where it has not ended.
        run: The run that is the trial's; None where there is none.
        others: Further runs that say that they are.
        parent: The run of the study, below which its run should be; None where there is none.
        problems: What is wrong with the run itself, in a few words each.
        lacks: Names of files that the run does not have as they are here, and what is wrong.
        lost: Names of files that neither the run has, nor anybody here.
    """

    trial: TrialRow
    card: TrialCard | None
    run: Run | None
    others: tuple[Run, ...] = ()
    parent: str | None = None
    problems: tuple[str, ...] = ()
    lacks: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether something can be mended."""
        is_lost = self.run is None and self.card is not None
        return bool(is_lost or self.others or self.problems or self.lacks or self.is_astray)

    @property
    def is_astray(self) -> bool:
        """Whether its run is below another run than the study's."""
        return self.run is not None and self.run.tags.get("mlflow.parentRunId") != self.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A study and its runs.

    Attributes:
        trials: Each trial with its run.
        parents: The runs of the study: one, where all is well.
        strangers: Number of a trial that the study does not have, to the number of its runs.
    """

    trials: tuple[Compared, ...]
    parents: tuple[Run, ...]
    strangers: Mapping[str, int]


def compare(study: Study, files: StudyFiles, view: MlflowView) -> Comparison:
    """All trials, with one search for their runs, and one request per folder of files.

    Args:
        study: The study.
        files: The files of its ended trials, as `gathered` has them.
        view: The server; nothing is changed there.
    """
    parents = tuple(view.runs("study"))
    parent = parents[0].id if parents else None
    by_trial: dict[str, list[Run]] = {}
    for run in view.runs("trial"):
        by_trial.setdefault(run.tags.get(Tag.TRIAL, "?"), []).append(run)
    found = []
    for trial in study.trials():
        card = card_of(study, trial, files) if trial.outcome is not None else None
        found.append(replace(_compared(trial, card, by_trial.pop(str(trial.number), [])), parent=parent))
    trials = tuple(in_flight(lambda one: _with_files(one, view), found, view.uri))
    return Comparison(trials=trials, parents=parents, strangers={name: len(runs) for name, runs in by_trial.items()})


def in_flight(work: Callable[[Item], Result], items: Iterable[Item], uri: str) -> Iterator[Result]:
    """The results of some work that waits for a server, in the order of the items; what fails ends all of it."""
    num = _IN_FLIGHT if uri.startswith("http") else 1
    pool = ThreadPoolExecutor(num)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


def _compared(trial: TrialRow, card: TrialCard | None, runs: Sequence[Run]) -> Compared:
    """A trial with the best of its runs."""
    judged = [(run, tuple(_problems(trial, card, run))) for run in runs]
    judged.sort(key=lambda pair: len(pair[1]))
    if trial.state == "running":
        judged = judged[:1]  # its worker knows which one it writes to
    if not judged:
        return Compared(trial=trial, card=card, run=None)
    (run, problems), others = judged[0], tuple(run for run, _ in judged[1:])
    return Compared(trial=trial, card=card, run=run, others=others, problems=problems)


def _problems(trial: TrialRow, card: TrialCard | None, run: Run) -> Iterator[str]:
    if trial.outcome is None:
        is_held = trial.state == "running" and not is_known_dead(trial.worker or "")
        if run.status == "RUNNING" and not is_held:
            yield f"nobody runs it, its run is {run.status}"
        return
    if run.status != status_of(trial.outcome):
        yield f"it is {trial.state}, its run is {run.status}"
    if card is None:
        return
    yield from missing_samples(run, card, trial.outcome)
    if is_of_another(run, card, trial.outcome):
        yield "its run has samples of another attempt"
    if not run.params and card.point.overrides:
        yield "its run has no params"


def _with_files(one: Compared, view: MlflowView) -> Compared:
    """The same, with what is wrong with the files of its run."""
    if one.card is None or one.trial.outcome is None:
        return one
    if one.run is None:
        return replace(one, lost=tuple(absent(one.card.files)))
    expected = {
        name: len(as_kept(content)) if isinstance(content, str) else content.stat().st_size
        for name, content in kept_files(one.card, one.trial.outcome).items()
    }
    gone = absent(one.card.files)
    there: dict[str, int | None] = {}
    for folder in {_folder(name) for name in [*expected, *gone]}:
        there |= view.sizes(one.run.id, folder)
    lacks = [
        (name, f"{name} has {there[name]} bytes in MLflow, {size} recorded" if name in there else _not_there(name))
        for name, size in expected.items()
        if there.get(name, -1) not in (size, None)
    ]
    lost = [name for name in gone if name not in there and not view.sizes(one.run.id, name)]
    return replace(one, lacks=tuple(lacks), lost=tuple(lost))


def _not_there(name: str) -> str:
    return f"{name} is not in MLflow"


def _folder(name: str) -> str:
    folder = str(PurePosixPath(name).parent)
    return "" if folder == "." else folder
