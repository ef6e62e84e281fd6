"""What a Lightning trainer tells of its fit: what it measures and at which step, and where it begins."""

import logging
import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sweeps.errors import first_line
from sweeps.trial.announced import is_continued
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import Trial, current_trial
from sweeps.trial.journal import Journal, read

if TYPE_CHECKING:
    from lightning.pytorch import Trainer  # whoever has no Lightning can import this module

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a trial has come.

    Attributes:
        epoch: The number of the epoch, from 1 on.
        step: The same, or the number of the validation where there are several in an epoch.
    """

    epoch: int = 0
    step: int = 0

    def behind(self, other: "Place") -> "Place":
        """This place in a fit that began at the other one."""
        return Place(self.epoch + other.epoch, self.step + other.step)


@dataclass(slots=True)
class _Count:
    """Where the fit that runs has begun, and how far the trial has come in this process."""

    begun: Place = Place()
    last: Place = Place()


_counts: MutableMapping[Trial, _Count] = WeakKeyDictionary()


def best_of(trainer: "Trainer") -> tuple[str, float | None]:
    """Path and score of the best checkpoint so far; an empty path and None where the trainer keeps none."""
    callback = trainer.checkpoint_callback
    score = getattr(callback, "best_model_score", None)
    return str(getattr(callback, "best_model_path", "")), None if score is None else float(score)


def part_done(trainer: "Trainer", batch_idx: int) -> float | None:
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


def is_fitting(trainer: "Trainer") -> bool:
    """Whether it fits, and does not validate or test by itself."""
    return trainer.state.fn == "fit"


def measured_now(trainer: "Trainer") -> dict[str, float]:
    """Metrics of the loop that runs: Lightning keeps the last value of all, and makes these anew for each look."""
    before = dict(trainer.callback_metrics)
    return {name: float(value) for name, value in trainer.callback_metrics.items() if value is not before[name]}


def validated_at(trainer: "Trainer") -> Place:
    """The place of a validation that ends, within its fit; one behind the fit has a step of its own."""
    epoch, per_epoch, loop = trainer.current_epoch, _validations_per_epoch(trainer), trainer.fit_loop.epoch_loop
    if not is_fitting(trainer):
        return Place(epoch, ended_at(trainer).step + 1)
    if trainer.check_val_every_n_epoch is None:
        return Place(epoch + 1, _validations_over_all(trainer))
    num_here = 1 if per_epoch == 1 else (loop.batch_idx + 1) // int(trainer.val_check_batch or 1)
    return Place(epoch + 1, epoch * per_epoch + num_here)


def ended_at(trainer: "Trainer") -> Place:
    """The place of an epoch that has ended, within its fit: that of its last validation."""
    epoch = trainer.current_epoch
    if trainer.check_val_every_n_epoch is None:
        return Place(epoch, _validations_over_all(trainer))
    return Place(epoch, epoch * _validations_per_epoch(trainer))


def _validations_per_epoch(trainer: "Trainer") -> int:
    num, every = trainer.num_training_batches, trainer.val_check_batch
    return max(1, int(num // every)) if every and math.isfinite(num) else 1


def _validations_over_all(trainer: "Trainer") -> int:
    """Validations that come after so many batches, whatever the epoch."""
    return max(1, (trainer.fit_loop.epoch_loop.total_batch_idx + 1) // int(trainer.val_check_batch or 1))


def begun_at(trainer: "Trainer") -> Place:
    """Where the earlier fits of this trial have ended, as a fit begins; one that continues began where it did."""
    count = _counts.setdefault(current_trial(), _Count())
    if trainer.current_epoch == 0:
        count.begun = count.last
    return count.begun


def come_to(place: Place) -> None:
    """Note how far all fits of this trial have come."""
    _counts.setdefault(current_trial(), _Count()).last = place


def trial_of(trainer: "Trainer") -> Trial:
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


def resume(trainer: "Trainer") -> None:
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
