"""What is reported once an epoch, without a metric object for each name."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.connectors.logger_connector.result import _METRICS, _ResultCollection
from torch import Tensor


class EpochResults(_ResultCollection):
    """Lightning's collection of logged values, with a short way for what is a mean over the epoch already.

    For each name that is logged, Lightning makes a module that could sum up batches and synchronise processes. A report
    of an epoch needs neither, and has dozens of names.
    """

    def __init__(self, training: bool) -> None:
        super().__init__(training)
        self._means: dict[str, Tensor] = {}

    def keep(self, means: Mapping[str, Tensor]) -> None:
        """Report these at the end of the epoch, until the next reset.

        Args:
            means: Metric name to value, ().
        """
        self._means.update({name: value.detach() for name, value in means.items()})

    def metrics(self, on_step: bool) -> _METRICS:
        found = super().metrics(on_step)
        if not on_step:
            found["log"].update(self._means)
            found["callback"].update(self._means)
        return found

    def reset(self, metrics: bool | None = None, fx: str | None = None) -> None:
        super().reset(metrics, fx)
        if fx is None:
            self._means = {}

    def __bool__(self) -> bool:
        return bool(len(self) or self._means)


def watch(trainer: Trainer) -> None:
    """Let a trainer have such collections in its fits and tests."""
    epoch_loop = trainer.fit_loop.epoch_loop
    epoch_loop._results = EpochResults(training=True)
    for loop in (epoch_loop.val_loop, trainer.validate_loop, trainer.test_loop):
        loop._results = EpochResults(training=False)


def log_epoch(module: LightningModule, means: Mapping[str, Tensor]) -> None:
    """As `module.log_dict`, in a hook at the end of an epoch.

    Args:
        module: The module whose hook it is; its trainer may be any.
        means: Metric name to value, ().
    """
    trainer: Any = module.trainer
    if not isinstance(trainer._results, EpochResults):
        module.log_dict(means)
        return
    trainer._results.keep(means)
    trainer._logger_connector._current_fx = module._current_fx_name
