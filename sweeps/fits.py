"""What a Lightning trainer tells of its fit, and where the fit begins."""

import logging
import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

from lightning.pytorch import Trainer

from sweeps.errors import first_line
from sweeps.trial.announced import is_continued
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import Trial, current_trial
from sweeps.trial.journal import Journal, read

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Count:
    """Epochs of a trial in this process: before the fit that runs, and in all."""

    before: int = 0
    all: int = 0


_counts: MutableMapping[Trial, _Count] = WeakKeyDictionary()


def best_of(trainer: Trainer) -> tuple[str, float | None]:
    """Path and score of the best checkpoint so far; an empty path and None where the trainer keeps none."""
    callback = trainer.checkpoint_callback
    score = getattr(callback, "best_model_score", None)
    return str(getattr(callback, "best_model_path", "")), None if score is None else float(score)


def part_done(trainer: Trainer, batch_idx: int) -> float | None:
    """Part of a fit that is done after this batch; None of one without end."""
    if (epochs := trainer.max_epochs) and epochs > 0:
        return (trainer.current_epoch + min(1.0, (batch_idx + 1) / trainer.num_training_batches)) / epochs
    return trainer.global_step / trainer.max_steps if trainer.max_steps > 0 else None


def is_finite(loss: Any) -> bool:
    """Whether a loss is a finite number; what is no number, such as None of a step that was skipped, counts as one."""
    try:
        return math.isfinite(loss)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of many numbers
        return True


def measured_now(trainer: Trainer) -> dict[str, float]:
    """Metrics of the loop that runs: Lightning keeps the last value of all, and makes these anew for each look."""
    before = dict(trainer.callback_metrics)
    return {name: float(value) for name, value in trainer.callback_metrics.items() if value is not before[name]}


def epochs_before(trainer: Trainer) -> int:
    """How many epochs the fits of this trial had before this one begins; one that continues has counted its own."""
    count = _counts.setdefault(current_trial(), _Count())
    if trainer.current_epoch == 0:
        count.before = count.all
    return count.before


def count_epoch(number: int) -> None:
    """Note the number of an epoch, counted over all fits of this trial."""
    _counts.setdefault(current_trial(), _Count()).all = number


def trial_of(trainer: Trainer) -> Trial:
    """The trial; of several processes that train together, only the first one speaks for it and hears of it."""
    return current_trial() if trainer.is_global_zero else Trial()


def _checkpoint_of(trial: Trial) -> str | None:
    """The trial's newest checkpoint, if it is known which fit it is of; notes that there is one more."""
    if not trial.is_in_study:
        return None
    Journal(trial.directory).event("fit")
    told = (record.get("event") for record in read(TrialFiles(trial.directory).journal)[0])
    is_alone = ("fit", "fit") not in pairwise(event for event in told if event in ("attempt", "fit"))
    return str(trial.checkpoint) if trial.checkpoint is not None and is_alone else None


def resume(trainer: Trainer) -> None:
    """Let this fit load the trial's newest checkpoint, unless it is given another one; in all of its processes."""
    found = _checkpoint_of(trial_of(trainer))
    if is_continued():  # else a process need not answer, such as one that makes this callback in a study alone
        found = trainer.strategy.broadcast(found)
    if found is None:
        return
    connector = trainer._checkpoint_connector
    load = connector.resume_start  # Lightning has no public place between the constructor and this function

    def resume_start(checkpoint_path: Any = None, weights_only: bool | None = None) -> None:
        connector.resume_start = load  # type: ignore[method-assign]
        if checkpoint_path:
            return load(checkpoint_path, weights_only)
        try:
            return load(found, weights_only)
        except Exception as error:
            log.warning("%s cannot be loaded, the fit starts again: %s", found, first_line(error))
            return load(None, weights_only)

    connector.resume_start = resume_start  # type: ignore[method-assign]
