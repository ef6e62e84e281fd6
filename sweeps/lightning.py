"""What binds a Lightning trainer to the trial it runs in. Outside a study all of it still works and does less."""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from sweeps.fits import (
    Place,
    begun_at,
    best_of,
    come_to,
    ended_at,
    is_finite,
    is_fitting,
    measured_now,
    part_done,
    resume,
    trial_of,
    validated_at,
)
from sweeps.trial.handle import TrialPruned, current_trial
from sweeps.trial.journal import Journal

_LOOK_S = 0.1
"""Time between two looks at what the pruner has decided; a look is a system call."""


class JournalLogger(Logger):
    """Appends metrics to the journal in the run's directory; in a study the uploader sends them on.

    It takes any hyperparameters, and keeps the text of those that are no plain values.

    Args:
        directory: The run's output directory.

    Attributes:
        last_step: The step of what was recorded last; None before anything was.

    Example:
        In the configuration of a trainer::

            logger:
              _target_: sweeps.lightning.JournalLogger
              directory: ${hydra:runtime.output_dir}
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._journal = Journal(directory)
        self.last_step: int | None = None

    @property
    def name(self) -> str:
        return "journal"

    @property
    def version(self) -> int | None:
        return current_trial().number

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.last_step = int(step or 0)
        self._journal.log(metrics, self.last_step)

    @rank_zero_only
    def log_dataset(self, name: str, digest: str, rows: int | Mapping[str, int] | None = None) -> None:
        """As `Trial.log_dataset`, for an application that knows its loggers only."""
        current_trial().log_dataset(name, digest, rows)

    @rank_zero_only
    def log_artifact(self, path: str) -> None:
        """As `Trial.log_artifact`."""
        current_trial().log_artifact(path)

    @rank_zero_only
    def log_model(self, folder: str) -> None:
        """As `Trial.log_model`."""
        current_trial().log_model(folder)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self._journal.event("hyperparameters", values=vars(params) if isinstance(params, Namespace) else params)


class TrialCallback(Callback):
    """Binds a fit to its trial: reports what it measures, says that training goes on, stops when pruned, resumes.

    A validation is reported at its end, what training has measured at the end of its epoch. The step of both is the
    number of the epoch, from 1 on, or of the validation where there are several in an epoch. Of what is logged at steps
    alone it is the last value of the epoch. Where a task fits more than once, as in a cross validation, both count on.

    A fit whose last training loss of an epoch is not finite ends with FloatingPointError, which fails the trial as
    `nonfinite`, once the loggers have that epoch. Other losses of the epoch, and of a validation, are not looked at.

    In a trial that was interrupted, a fit without a `ckpt_path` continues from the newest whole checkpoint in the
    trial's directory; `resume=False` leaves that to the application. A checkpoint that cannot be loaded is told in the
    log, and the fit starts again. Where an attempt has fitted more than once, nobody knows which fit a checkpoint is
    of, and nothing is resumed.

    A module with an attribute `metric_directions`, metric name to `max` or `min`, declares them to the study: tables
    mark the best value of these metrics, and of no others. One with an attribute `metric_means`, metric name to the
    names of those that it is a mean of, keeps trials apart in which these are others.

    Args:
        resume: Whether a fit continues where an earlier attempt was interrupted.
        select: Whether the trial's metrics are those of the epoch whose checkpoint the trainer keeps as the best, by
            the `monitor` of its first checkpoint callback; else the last ones.

    Example:
        Any Lightning application becomes prunable and resumable by one callback::

            trainer = Trainer(max_epochs=10, callbacks=[sweeps.lightning.TrialCallback()])
    """

    def __init__(self, resume: bool = True, select: bool = False) -> None:
        self._resume, self._select = resume, select
        self._loss: Any = None
        self._held: dict[str, Any] = {}
        self._told: dict[str, float] = {}
        self._begun = Place()
        self._validated: int | None = None
        self._next_look = 0.0
        self._best: Any = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._resume and stage == "fit":
            resume(trainer)
        if directions := getattr(pl_module, "metric_directions", None):
            trial_of(trainer).declare(directions, getattr(pl_module, "metric_means", None))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._loss, self._validated, self._next_look = None, None, 0.0
        self._held, self._told, self._begun = dict(trainer.callback_metrics), {}, begun_at(trainer)
        self._best = best_of(trainer)  # a fit that continues has restored it

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any, **kwargs: Any
    ) -> None:
        self._loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        trial_of(trainer).progress(part_done(trainer, int(args[-1]) if args else 0))
        # The decision on an epoch comes while the next one trains, which need not be trained to its end.
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_S
            self._stop_where_pruned(trainer)

    def on_save_checkpoint(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self._tell_selection(trainer)  # before there is a later checkpoint to continue from

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look_back(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look_back(trainer)

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        trial_of(trainer).progress()

    on_test_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        # What training has measured is still that of the epoch before.
        place = validated_at(trainer).behind(self._begun)
        self._told = self._tell(trainer, measured_now(trainer), place)
        steps = [logger.last_step for logger in trainer.loggers if isinstance(logger, JournalLogger)]
        self._validated = steps[0] if steps else place.step
        self._stop_where_pruned(trainer)

    def _tell(self, trainer: Trainer, metrics: dict[str, float], place: Place) -> dict[str, float]:
        """Report what is new of these metrics, and the epoch; a validation behind the fit is of none."""
        if is_fitting(trainer):
            metrics = {**metrics, "epoch": float(place.epoch)}
            come_to(place)
        metrics = {name: value for name, value in metrics.items() if self._told.get(name) != value}
        trial, is_recorded = trial_of(trainer), any(isinstance(logger, JournalLogger) for logger in trainer.loggers)
        if metrics:
            (trial.show if is_recorded else trial.report)(metrics, step=place.step)
        return metrics

    def _tell_of_training(self, trainer: Trainer) -> None:
        """Report what training has measured in the epoch that has ended, once Lightning has all of it."""
        before, self._held = self._held, dict(trainer.callback_metrics)
        changed = {name: float(value) for name, value in self._held.items() if value is not before.get(name)}
        if changed:
            self._tell(trainer, changed, ended_at(trainer).behind(self._begun))
        self._told = {}

    def _stop_where_pruned(self, trainer: Trainer) -> None:
        """End the fit for its pruner; one whose loss is not finite fails instead, once the epoch is logged."""
        if trial_of(trainer).should_prune and is_finite(self._loss):
            raise TrialPruned

    def _look_back(self, trainer: Trainer) -> None:
        """Look at the epoch that has ended, once everything of it is logged."""
        self._tell_of_training(trainer)
        self._tell_selection(trainer)
        if not is_finite(loss := self._loss):
            raise FloatingPointError(f"the training loss is {float(loss)} at the end of epoch {trainer.current_epoch}")

    def _tell_selection(self, trainer: Trainer) -> None:
        """Select the step of the last validation where the trainer has found its best since it was told last."""
        best = best_of(trainer)
        if self._select and best != self._best and self._validated is not None:
            self._best = best
            trial_of(trainer).select(self._validated)


class Progress(TQDMProgressBar):
    """A progress bar for a run of one's own in a terminal; silent elsewhere, as in a study with its live table."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if current_trial().is_in_study or not sys.stderr.isatty():
            self.disable()
