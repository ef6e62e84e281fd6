"""One training run: from a configuration to metrics."""

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.assemble import Run, assemble, make_data
from trainer_pkg.atomic import remove_parts
from trainer_pkg.checkpoint import check_fits, load_best, newest_valid
from trainer_pkg.environment import prepare, share_threads
from trainer_pkg.errors import ConfigError
from trainer_pkg.fused import places
from trainer_pkg.fused.loop import join
from trainer_pkg.fused.shared import data_of, once
from trainer_pkg.neighbours import without_neighbours
from trainer_pkg.packaged import package
from trainer_pkg.record import Metrics, has_listener, is_newest_best, latest_metrics, plain_config, saved_metrics, tell

log = logging.getLogger(__name__)

_EXIT_TERMINATED = 143


def run(cfg: DictConfig) -> float | tuple[float, ...] | Metrics | None:
    """Train what the configuration names and give back its objective.

    Returns:
        The value of `study.objective`, or one value per name if it is a list; None: it is null. An empty table where
        nothing was trained: a study then asks for no value.

    Raises:
        ConfigError: The configuration cannot be trained.
    """
    prepare(cfg.get("seed"))
    place = places.taken()
    made = assemble(cfg, None if place is None else data_of(cfg, make_data))
    if place is not None:
        join(made.trainer, made.module, place)
    share_threads(made.trainer)
    _announce(made, cfg)
    kept = Path(cfg.paths.output_dir) / "checkpoints"
    remove_parts(kept)
    checkpoint = cfg.get("ckpt_path") or newest_valid(kept)
    if checkpoint:
        check_fits(Path(checkpoint), made.module, to_train=cfg.train)
    try:
        metrics = train(made.data, made.module, made.trainer, checkpoint, fit=cfg.train, test=cfg.test)
    except SIGTERMException:
        raise SystemExit(_EXIT_TERMINATED) from None
    if cfg.train and has_listener(made.trainer, "log_model"):
        _keep_model(made, cfg)
    reported = {**made.record.metrics, **metrics}
    shown = "  ".join(
        f"{name}={value:.4f}" for name, value in reported.items() if name.startswith(("test/", "val/score_best"))
    )
    log.info("%s  -> %s", shown or "nothing was tested", cfg.paths.output_dir)
    return objective(reported, OmegaConf.select(cfg, "study.objective")) if cfg.train else {}


def train(
    data: LightningDataModule,
    module: LightningModule,
    trainer: Trainer,
    checkpoint: str | Path | None = None,
    *,
    fit: bool = True,
    test: bool = True,
) -> Metrics:
    """Fit, then test the best checkpoint: every metric of the fit is of its epoch, unless none was kept.

    Args:
        data: The data module.
        module: The Lightning module.
        trainer: A configured trainer.
        checkpoint: Training continues from it; without training, it is tested. None: neither.
        fit: Whether to train.
        test: Whether to test. After training that is the best checkpoint, or the last weights if none was kept.

    Returns:
        Name to value of every metric reported.
    """
    metrics: Metrics = {}
    if fit:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        metrics.update(latest_metrics(trainer))
    best = getattr(trainer.checkpoint_callback, "best_model_path", "") or None if fit else checkpoint
    if fit and best:
        # Not there, it would be read: callbacks of a lone trial may have changed the network since.
        is_there = places.taken() is not None and is_newest_best(trainer)
        metrics.update(saved_metrics(trainer) if is_there else load_best(Path(best)).get("metrics", {}))
        best = None if is_there else best
    if test:
        trainer.test(module, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        metrics.update(latest_metrics(trainer))
    return metrics


def objective(metrics: Metrics, names: Any) -> float | tuple[float, ...] | None:
    """The values a study optimises.

    Args:
        metrics: Name to value of every metric reported.
        names: One name, a list of names, or None for no objective.

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


def _keep_model(made: Run, cfg: DictConfig) -> None:
    """Write the best network as a model in MLflow's format, and tell the loggers that ask for models."""
    if not made.trainer.is_global_zero or made.trainer.fast_dev_run:  # type: ignore[attr-defined]
        return
    is_there = places.taken() is not None and is_newest_best(made.trainer)
    # Without a test, a module that has trained with others is on the GPU still.
    weights = without_neighbours(made.module.cpu().state_dict()) if is_there else None
    folder = package(made, Path(cfg.paths.output_dir) / "model", weights)
    if folder is not None:
        tell(made.trainer, "log_model", folder=str(folder))


def _announce(made: Run, cfg: DictConfig) -> None:
    """Tell the loggers what is trained: its configuration and its size."""
    size: Metrics = {"num_parameters": made.module.num_parameters, "num_flops": _flops_of(made)}
    # Unresolved: an interpolated environment variable must not end up in a tracking server.
    config = plain_config(cfg, resolve=False) if made.trainer.loggers else {}
    for logger in made.trainer.loggers:
        logger.log_hyperparams(config)
        logger.log_metrics(size, step=0)


def _flops_of(made: Run) -> int:
    """Those of one forward pass; trials of one process have networks of one shape."""
    count = made.module.count_flops
    return once("flops", repr(made.module.network), count) if places.taken() else count()  # type: ignore[no-any-return]
