"""What binds a Lightning trainer to the trial it runs in. Outside a study all of it still works and does less."""

import sys
from argparse import Namespace
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from sweeps.trial.handle import TrialPruned, current_trial
from sweeps.trial.journal import Journal


class JournalLogger(Logger):
    """Appends metrics to the journal in the run's directory; in a study the uploader sends them on.

    It takes any hyperparameters, and keeps the text of those that are no plain values.

    Args:
        directory: The run's output directory.

    Example:
        In the configuration of a trainer::

            logger:
              _target_: sweeps.lightning.JournalLogger
              directory: ${hydra:runtime.output_dir}
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._journal = Journal(directory)

    @property
    def name(self) -> str:
        return "journal"

    @property
    def version(self) -> int | None:
        return current_trial().number

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self._journal.log(metrics, int(step or 0))

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self._journal.event("hyperparameters", values=vars(params) if isinstance(params, Namespace) else params)


class TrialCallback(Callback):
    """Reports each validation to the study, says that training goes on, and stops a trial that is pruned.

    A module with an attribute `metric_directions`, metric name to `max` or `min`, declares them to the study: tables
    mark the best value of these metrics, and of no others.

    Example:
        Any Lightning application becomes prunable by one callback::

            trainer = Trainer(max_epochs=10, callbacks=[sweeps.lightning.TrialCallback()])
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        directions = getattr(pl_module, "metric_directions", None)
        if directions:
            current_trial().declare(directions)

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        current_trial().progress()

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        current_trial().progress()

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        current_trial().progress()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        trial = current_trial()
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        is_recorded = any(isinstance(logger, JournalLogger) for logger in trainer.loggers)
        tell = trial.show if is_recorded else trial.report
        tell({**metrics, "epoch": trainer.current_epoch + 1}, step=trainer.current_epoch + 1)
        if trial.should_prune:
            raise TrialPruned


class Progress(TQDMProgressBar):
    """A progress bar for a run of one's own in a terminal; silent elsewhere, as in a study with its live table."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if current_trial().is_in_study or not sys.stderr.isatty():
            self.disable()
