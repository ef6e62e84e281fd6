"""What a checkpoint says about its run: the configuration and the latest metrics."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig, OmegaConf

Metrics = dict[str, float]

_RUN_KEYS = ("seed", "data", "model", "trainer")


class RunRecord(Callback):
    """Puts the configuration and the latest metrics into every checkpoint, as plain values.

    Args:
        config: What `plain_config` gives.

    Attributes:
        metrics: Those of the checkpoint that training continued from.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.metrics: Metrics = {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self._config
        checkpoint["metrics"] = {**self.metrics, **latest_metrics(trainer)}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.metrics = checkpoint.get("metrics", {})


def plain_config(cfg: DictConfig, *, resolve: bool = True) -> dict[str, Any]:
    """What rebuilds the run, as plain containers that a safe checkpoint may hold.

    Args:
        cfg: The whole configuration.
        resolve: Whether interpolations such as `${oc.env:HOME}` are replaced by their values.
    """
    nodes = {key: cfg[key] for key in _RUN_KEYS if key in cfg}
    return {
        key: OmegaConf.to_container(node, resolve=resolve) if OmegaConf.is_config(node) else node
        for key, node in nodes.items()
    }


def latest_metrics(trainer: Trainer) -> Metrics:
    """The last value of every metric logged."""
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
