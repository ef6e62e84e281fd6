"""What a checkpoint says about its run: the configuration and the latest metrics."""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.resolvers import oc

Metrics = dict[str, float]

_SECRET = re.compile(r"passw|passphrase|secret|credential|(api|access|private)_?key|(^|api_|auth_|hf_)token$|_pwd$")
_RUN_KEYS = ("seed", "data", "model", "trainer")


class RunRecord(Callback):
    """Puts the configuration and the latest metrics into every checkpoint, as plain values.

    Args:
        config: What `plain_config` gives.

    Attributes:
        config: The same.
        metrics: Those of the checkpoint that training continued from.
        saved: Those of the last checkpoint that was written.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.metrics: Metrics = {}
        self.saved: Metrics = {}
        self._has_told = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        identity = getattr(trainer.datamodule, "identity", None)  # type: ignore[attr-defined]
        if identity and not self._has_told:
            self._has_told = True
            tell(trainer, "log_dataset", **identity)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.saved = {**self.metrics, **latest_metrics(trainer)}
        checkpoint["config"] = self.config
        checkpoint["metrics"] = self.saved

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.metrics = checkpoint.get("metrics", {})


def tell(trainer: Trainer, what: str, **values: Any) -> None:
    """Call a method of those loggers that have it, such as `log_dataset`, which no logger of Lightning's has."""
    for logger in trainer.loggers:
        if callable(method := getattr(logger, what, None)):
            method(**values)


def has_listener(trainer: Trainer, what: str) -> bool:
    """Whether a logger has this method."""
    return any(callable(getattr(logger, what, None)) for logger in trainer.loggers)


def plain_config(cfg: DictConfig, *, resolve: bool = True, keys: Sequence[str] = _RUN_KEYS) -> dict[str, Any]:
    """What rebuilds the run, as plain containers that a safe checkpoint may hold.

    Nothing in it comes from the environment: `${oc.env:HOME}` stays as it is written, and is read anew where the
    configuration is used. Values under keys such as `password` or `api_token` are left out.

    Args:
        cfg: The whole configuration.
        resolve: Whether all other interpolations are replaced by their values.
        keys: Parts of it.
    """
    with _environment_as_written():
        nodes = {key: cfg[key] for key in keys if key in cfg}
        plain = {
            key: OmegaConf.to_container(node, resolve=resolve) if OmegaConf.is_config(node) else node
            for key, node in nodes.items()
        }
    return {key: _without_secrets(value) for key, value in plain.items()}


@contextlib.contextmanager
def _environment_as_written() -> Iterator[None]:
    def written(*arguments: Any) -> str:
        return f"${{oc.env:{','.join('null' if value is None else json.dumps(str(value)) for value in arguments)}}}"

    OmegaConf.register_resolver("oc.env", written, replace=True, annotation_validation="off")
    try:
        yield
    finally:
        OmegaConf.register_resolver("oc.env", oc.env, replace=True, annotation_validation="off")


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items() if not _is_secret(str(key), item)}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and "${" not in value and bool(_SECRET.search(key))


def is_newest_best(trainer: Trainer) -> bool:
    """Whether the best checkpoint is the last one that a fit has written, with no step behind it."""
    kept: Any = trainer.checkpoint_callback
    best = getattr(kept, "best_model_path", "")
    return bool(best) and (kept._last_checkpoint_saved, kept._last_global_step_saved) == (best, trainer.global_step)


def saved_metrics(trainer: Trainer) -> Metrics:
    """Those of the last checkpoint that was written."""
    return next((callback.saved for callback in trainer.callbacks if isinstance(callback, RunRecord)), {})  # type: ignore[attr-defined]


def latest_metrics(trainer: Trainer) -> Metrics:
    """The last value of every metric logged."""
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
