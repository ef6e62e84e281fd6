"""Ends a training that has diverged."""

import math
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from trainer_pkg.errors import Diverged

_LOSSES = ("train/loss", "val/loss")


class FiniteLoss(Callback):
    """Ends a run behind the first epoch whose training or validation loss is not finite.

    The accuracy of a network whose outputs are no numbers is a number: nothing else would tell.

    Raises:
        Diverged: Once every logger has the metrics of that epoch.
    """

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _check(trainer.callback_metrics, trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _check(trainer.callback_metrics, trainer.current_epoch)


def _check(metrics: dict[str, Any], epoch: int) -> None:
    """Look at the losses of the epoch before this one; its number counts from 1."""
    for name in _LOSSES:
        if name in metrics and not math.isfinite(metrics[name]):
            raise Diverged(f"{name} is {float(metrics[name])} in epoch {epoch}: the training has diverged.")
