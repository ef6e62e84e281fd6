"""The models that trials have kept, and which of them a tracking server gets."""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from sweeps.errors import StudyError
from sweeps.outcome import Completed
from sweeps.redact import text, tree
from sweeps.report.best import winners
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.tracking.cards import Tag, TrialCard
from sweeps.tracking.complaints import is_refusal, reason
from sweeps.tracking.lineage import ModelCard
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.origins import data_of
from sweeps.trial import journal
from sweeps.trial.artifacts import content_of
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.handle import MODEL_FILE
from sweeps.trial.plain import plain

CardOf = Callable[[Study, TrialRow, StudyFiles], TrialCard | None]
"""The card of a trial that has run on this machine; None for any other."""


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model in MLflow's format that a trial has kept.

    Attributes:
        described: What its `MLmodel` says.
        files: Name inside the model to place on this machine; nothing outside the trial's directory.
    """

    described: Mapping[str, Any]
    files: Mapping[str, Path]

    @classmethod
    def of(cls, own: TrialFiles) -> Self | None:
        """The last one that a trial has kept; None where there is none, or none any more, or it is no model."""
        told = [str(event.get("path")) for event in journal.events(own.journal, "model")]
        if not told:
            return None
        root = own.directory.resolve()
        folder = root / told[-1].replace("\0", "")
        if not folder.resolve().is_relative_to(root) or not (described := _described(folder / MODEL_FILE)):
            return None
        found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root))
        return cls(described, {path.relative_to(folder).as_posix(): path for path in found})

    @property
    def digest(self) -> str:
        """Another one for other files."""
        digest = hashlib.sha256()
        for name, path in self.files.items():
            digest.update(f"{name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def laid_out(self, folder: Path) -> None:
        """Have its files in a folder: texts without secrets, all else as it is."""
        for name, path in self.files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            content = content_of(path)
            if isinstance(content, str):
                place.write_text(text(content), encoding="utf-8")
            else:
                place.symlink_to(path.resolve())
        # Not as a text: three stars in place of a value are no YAML.
        (folder / MODEL_FILE).write_text(yaml.safe_dump(tree(plain(self.described)), sort_keys=False))


def _described(path: Path) -> Mapping[str, Any]:
    """What an `MLmodel` says; nothing where it is none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        found = None
    return found if isinstance(found, Mapping) else {}


def keep_models(
    study: Study, view: MlflowView, files: StudyFiles, card_of: CardOf, tell: Callable[[str], None]
) -> None:
    """Send the models that `tracking.models` asks for; what is there already stays.

    Args:
        study: A study that is finished.
        view: The tracking server.
        files: The study's files on this machine.
        card_of: Gives the card of a trial.
        tell: Shows the user one line where the server refuses a model.
    """
    asked = (study.facts.get("tracking") or {}).get("models", "best")
    trials = study.current_trials()
    if asked == "all":
        wanted: Sequence[TrialRow] = [trial for trial in trials if isinstance(trial.outcome, Completed)]
    else:
        wanted = winners(study, trials)[:1] if asked == "best" else []
    cards = [(trial, card) for trial in wanted if (card := card_of(study, trial, files)) and KeptModel.of(card.files)]
    known = view.lineage.models_of(study.facts["key"]) if cards else {}
    for trial, card in cards:
        try:
            keep_model(view, study, trial, card, known)
        except StudyError as error:
            tell(str(error))
        except Exception as error:
            if not is_refusal(error):
                raise
            tell(f"MLflow refuses the model of trial {trial.number}: {reason(error)}")


def keep_model(
    view: MlflowView, study: Study, trial: TrialRow, card: TrialCard, known: dict[tuple[str, str], str]
) -> str | None:
    """Send the model of a trial.

    Args:
        view: The tracking server.
        study: The trial's study.
        trial: The trial.
        card: Its card.
        known: Run and digest to the id of each model that the server has of the study.

    Returns:
        The model's id on the server; None where the trial has kept none, or has no run.

    Raises:
        StudyError: Its files cannot be read.
    """
    model, run_id = KeptModel.of(card.files), view.find(card)
    if model is None or run_id is None:
        return None
    with _its_files(trial):
        digest = model.digest
    if there := known.get((run_id, digest)):
        return there
    told = {sample.name: sample for sample in card.samples(trial.outcome)}
    tags = {Tag.STUDY: study.name, Tag.STUDY_KEY: study.facts["key"], Tag.TRIAL: str(trial.number), Tag.DIGEST: digest}
    written = card.written()
    with tempfile.TemporaryDirectory() as made:
        with _its_files(trial):
            model.laid_out(Path(made))
        described = ModelCard(
            name=f"trial-{trial.number}",
            folder=Path(made),
            tags={**written.tags, **{str(name): value for name, value in tags.items()}},
            params=card.params(written),
            samples=[each for name, each in told.items() if name.startswith("test/") or name in card.objectives],
            data=data_of(journal.read(card.files.journal)[0]),
        )
        return view.lineage.keep_model(run_id, described)


@contextlib.contextmanager
def _its_files(trial: TrialRow) -> Iterator[None]:
    """Tell what a file of a model refuses apart from what the way to the server does, which raises likewise."""
    try:
        yield
    except OSError as error:
        raise StudyError(f"The model of trial {trial.number} cannot be read: {error}") from error
