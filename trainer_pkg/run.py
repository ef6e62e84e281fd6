"""One training run: from objects to metrics."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from lightning.pytorch import LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.checkpoint import AtomicCheckpointIO, newest_valid
from trainer_pkg.errors import ConfigError

log = logging.getLogger(__name__)

Metrics = dict[str, float]

_EXIT_TERMINATED = 143
_RUN_KEYS = ("seed", "data", "model", "trainer")
_NOISE = (
    # The data module resumes the order itself, the loader has no state of its own.
    ".*your dataloader is not resumable.*",
    # The data is in memory: loader processes would only cost.
    ".*does not have many workers.*",
    # A resumed run continues in its own directory.
    ".*Checkpoint directory .* exists and is not empty.*",
    # Evaluation needs the weights of a checkpoint, not the callbacks of its training.
    ".*callbacks used to create the checkpoint need to be provided.*",
    # Of Lightning's own making.
    ".*LeafSpec.*is deprecated.*",
    # Short epochs are normal here, metrics are logged once an epoch.
    ".*is smaller than the logging interval.*",
)


class RunRecord(Callback):
    """Puts the resolved configuration and the latest metrics into every checkpoint, as plain values."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.metrics: Metrics = {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self._config
        checkpoint["metrics"] = {**self.metrics, **_floats(trainer)}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.metrics = checkpoint.get("metrics", {})


def run(cfg: DictConfig) -> float | tuple[float, ...] | None:
    """Train what the configuration names and give back its objective.

    Returns:
        The value of `study.objective`, one per name where it is a list; None when there is none.

    Raises:
        ConfigError: The configuration cannot be trained.
    """
    quiet()
    if cfg.get("seed") is not None:
        seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    _hide_absent_gpus()
    data = instantiate(cfg.data)
    module = instantiate(cfg.model, spec=data.spec)
    record = RunRecord(plain_config(cfg))
    trainer = instantiate(
        cfg.trainer,
        callbacks=[*_each(cfg.get("callbacks")), record],
        logger=_each(cfg.get("logger")) or False,
        plugins=[AtomicCheckpointIO()],
    )
    size = {"num_parameters": module.num_parameters, "num_flops": module.count_flops()}
    for logger in trainer.loggers:
        # Unresolved: an interpolated environment variable must not end up in a tracking server.
        logger.log_hyperparams(plain_config(cfg, resolve=False))
        logger.log_metrics(size, step=0)
    checkpoint = cfg.get("ckpt_path") or newest_valid(Path(cfg.paths.output_dir) / "checkpoints")
    try:
        metrics = train(data, module, trainer, checkpoint, fit=cfg.train, test=cfg.test)
    except SIGTERMException:
        raise SystemExit(_EXIT_TERMINATED) from None
    reported = {**record.metrics, **metrics}
    shown = "  ".join(
        f"{name}={value:.4f}" for name, value in reported.items() if name.startswith(("test/", "val/acc_best"))
    )
    log.info("%s  -> %s", shown or "nothing was tested", cfg.paths.output_dir)
    return objective(reported, OmegaConf.select(cfg, "study.objective") if cfg.train else None)


def train(
    data: LightningDataModule,
    module: LightningModule,
    trainer: Trainer,
    checkpoint: str | Path | None = None,
    *,
    fit: bool = True,
    test: bool = True,
) -> Metrics:
    """Fit, then test the best checkpoint.

    Args:
        data: The data module.
        module: The Lightning module.
        trainer: A configured trainer.
        checkpoint: What to continue from, or without fitting what to test; None starts afresh.
        fit: Whether to train.
        test: Whether to test; the weights are those of the best checkpoint, or the current ones where none was kept.

    Returns:
        Every metric reported, by name.
    """
    metrics: Metrics = {}
    if fit:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        metrics.update(_floats(trainer))
    if test:
        best = getattr(trainer.checkpoint_callback, "best_model_path", "") or None if fit else checkpoint
        trainer.test(module, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        metrics.update(_floats(trainer))
    return metrics


def objective(metrics: Metrics, names: Any) -> float | tuple[float, ...] | None:
    """The values a study optimises.

    Raises:
        ConfigError: A name was never reported.
    """
    if not names:
        return None
    wanted = [names] if isinstance(names, str) else list(names)
    missing = [name for name in wanted if name not in metrics]
    if missing:
        raise ConfigError(f"study.objective={missing[0]} was never reported. Reported: {', '.join(metrics) or 'none'}.")
    values = tuple(metrics[name] for name in wanted)
    return values[0] if isinstance(names, str) else values


def quiet() -> None:
    """Drop warnings and banners that do not concern the user of this application."""
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)


def _hide_absent_gpus() -> None:
    """Spare each optimizer step the search for a CUDA driver, a tenth of a small network's step.

    torch asks before every step whether there is an accelerator and does not remember that there was none; with no
    visible device it does not look.
    """
    if not torch.cuda.is_available():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def plain_config(cfg: DictConfig, *, resolve: bool = True) -> dict[str, Any]:
    """What rebuilds the run, as plain containers that a safe checkpoint may hold."""
    nodes = {key: cfg[key] for key in _RUN_KEYS if key in cfg}
    return {
        key: OmegaConf.to_container(node, resolve=resolve) if OmegaConf.is_config(node) else node
        for key, node in nodes.items()
    }


def _each(group: DictConfig | None) -> list[Any]:
    return [instantiate(entry) for entry in (group or {}).values() if entry]


def _floats(trainer: Trainer) -> Metrics:
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
