"""Finds everything that is wrong with a configuration and can be known before anything is made."""

import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from trainer_pkg.errors import ConfigError, first_line
from trainer_pkg.preflight.blame import STUMBLES, naming_the_key
from trainer_pkg.preflight.one_line import one_line
from trainer_pkg.preflight.signatures import check_signatures
from trainer_pkg.preflight.stored import with_checkpoint_config
from trainer_pkg.preflight.swept import SweptWeights
from trainer_pkg.preflight.values import (
    check_checkpoint,
    check_factories,
    check_groups,
    check_job_logging,
    check_loggers,
    check_metrics,
    check_switches,
    other_epoch,
)
from trainer_pkg.trusted import check_targets

if TYPE_CHECKING:
    from lightning.pytorch import Callback as LightningCallback
    from lightning.pytorch import Trainer
    from torch import Tensor

    from trainer_pkg.data import DataModule
    from trainer_pkg.module import ImageModule


_BUILT = ("data", "model", "trainer", "callbacks", "logger", "study")
"""Groups whose constructors are called."""


class Preflight(Callback):
    """Refuses a configuration that cannot be trained before Hydra makes its output directory.

    `hydra.callbacks.preflight` names it. A sweep calls it once for every value that it varies.
    """

    checks_configurations = True
    """A sweep asks it about each value, and no callback that only wants to know of runs."""

    def __init__(self) -> None:
        self._seen = SweptWeights()

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        # Hydra turns an exception of a callback into a warning, so the exit has to be asked for.
        try:
            check(config)
            self._seen.look(config)
        except (HydraException, OmegaConfBaseException) as error:
            print(f"Error: {one_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None
        except Exception as error:
            raise SystemExit("".join(traceback.format_exception(error))) from error


def check(config: DictConfig) -> None:
    """Build what the configuration names, look at the data, and compare the names that both use.

    Raises:
        ConfigError: With the rule, the value found and the nearest valid ones.
    """
    cfg = cast(DictConfig, OmegaConf.merge(config, {"paths": {"output_dir": "."}}))
    check_switches(cfg)
    if "hydra" in config:
        check_job_logging(config)
    check_groups(cfg)
    is_evaluation = "hydra" in config and config.hydra.job.config_name == "evaluate"
    if not cfg.train and (cfg.get("ckpt_path") or is_evaluation):
        cfg = with_checkpoint_config(cfg, list(config.hydra.overrides.task))
    plain = {key: OmegaConf.to_container(cfg[key], resolve=True) for key in _BUILT if cfg.get(key)}
    for key, value in plain.items():
        check_targets(value, key)  # all of them, before the first one is imported
    # Only from here on torch and lightning are needed, whose imports take seconds.
    for key, value in plain.items():
        check_signatures(value, key)
    _check_by_building(cfg)


def _check_by_building(cfg: DictConfig) -> None:
    """Let every constructor see its arguments, every loss and balancer the data's first rows."""
    from trainer_pkg import assemble
    from trainer_pkg.environment import quiet
    from trainer_pkg.preflight.balanced import check_balancer, try_balancer

    quiet()
    check_factories(cfg)
    with naming_the_key(cfg, "data"):
        data = assemble.make_data(cfg)
        data.prepare_data()
        data.setup()
        rows = _first_rows(data)
    with naming_the_key(cfg, "model"):
        module = assemble.make_module(cfg, data)
    with naming_the_key(cfg, "model.criterion", "model.criteria", kinds=(RuntimeError,)):
        losses_H = _try_losses(rows, module)
    with naming_the_key(cfg, "model.balancer", kinds=(RuntimeError,)):
        try_balancer(rows, losses_H, module)
    with naming_the_key(cfg, "model.optimizer", "model.scheduler", kinds=STUMBLES):
        _try_scheduler(module.configure_optimizers())
    callbacks = _callbacks(cfg)
    check_loggers(cfg)
    check_checkpoint(cfg, module)
    check_metrics(cfg, module.metric_directions, module.untrained_heads)
    with naming_the_key(cfg, "trainer"):
        # Without loggers: some of them create files as soon as they are made.
        trainer = assemble.make_trainer(cfg, callbacks, loggers=[])
    if getattr(trainer.strategy.launcher, "_start_method", None) == "spawn":
        others = "ddp, or ddp_fork without GPUs"
        raise ConfigError(f"trainer.strategy={cfg.trainer.strategy} pickles the model, which cannot be; use {others}.")
    check_balancer(module, trainer)
    _check_last_batch(cfg, data, module, trainer, rows)
    _warn_of_slow_precision(trainer)
    if why := other_epoch(cfg):
        print(f"Warning: {why}", file=sys.stderr)


def _try_scheduler(made: Any) -> None:
    """Let a scheduler make a step: a period of zero is an error of the first epoch's end otherwise."""
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    if not isinstance(made, Mapping):
        return
    scheduler = made["lr_scheduler"]["scheduler"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the optimizer, which has made no step
        scheduler.step(*([0.0] if isinstance(scheduler, ReduceLROnPlateau) else []))


def _callbacks(cfg: DictConfig) -> "list[LightningCallback]":
    from trainer_pkg import assemble

    callbacks = []
    for name in assemble.names_in(cfg, "callbacks"):
        with naming_the_key(cfg, f"callbacks.{name}"):
            callbacks.append(assemble.make_entry(cfg, "callbacks", name))
    return callbacks


def _first_rows(data: "DataModule") -> "dict[str, Tensor]":
    """Two validation rows as a step gets them.

    Raises:
        ConfigError: Training images have another shape or type.
    """
    batches = [next(iter(loader)) for loader in (data.val_dataloader(), data.train_dataloader())]
    val, train = (batch["image"] for batch in batches)
    if (val.shape[1:], val.dtype) != (train.shape[1:], train.dtype):
        raise ConfigError(
            f"data.train_transform makes images {tuple(train.shape[1:])} {train.dtype}, data.eval_transform"
            f" {tuple(val.shape[1:])} {val.dtype}: both must be alike."
        )
    return data.on_after_batch_transfer({name: column[:2] for name, column in batches[0].items()}, 0)


def _try_losses(rows: "dict[str, Tensor]", module: "ImageModule") -> "Tensor":
    """Let every loss see two rows: a loss that cannot take the labels says so here, not in the first step.

    Returns:
        The loss of each head, (H,).
    """
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever torch warns of here is refused in the end, by torch or by us
        module.eval()
        return module.criteria(module(rows["image"], rows.get("aux")), rows)  # type: ignore[no-any-return]


def _check_last_batch(
    cfg: DictConfig, data: "DataModule", module: "ImageModule", trainer: "Trainer", rows: "dict[str, Tensor]"
) -> None:
    """Refuse batches of one image, which the last one of an epoch may be, where a network needs several."""
    import torch

    size, num = cfg.data.get("batch_size"), len(data.train_dataloader().dataset)  # type: ignore[arg-type]
    has_all = isinstance(trainer.limit_train_batches, float) and trainer.limit_train_batches == 1.0  # 1 is one batch
    if size is None or num % size != 1 % size or trainer.world_size > 1 or not has_all:
        return
    one = {name: column[:1] for name, column in rows.items()}
    try:
        with torch.no_grad():
            module.train()(one["image"], one.get("aux"))
    except (ValueError, RuntimeError) as error:  # of BatchNorm
        near = next((f" Try {each}." for each in range(size + 1, num + 1) if num % each != 1), "")
        raise ConfigError(
            f"data.batch_size={size} leaves a batch of one of the {num} training images, and the network cannot train"
            f" on one: {first_line(error)}.{near}"
        ) from error


def _warn_of_slow_precision(trainer: "Trainer") -> None:
    if trainer.precision.startswith("bf16") and trainer.strategy.root_device.type == "cpu" and _emulates_bf16():
        slow = "this CPU has no bfloat16 instructions and emulates them, many times slower than 32-true"
        print(f"Warning: trainer.precision={trainer.precision}: {slow}.", file=sys.stderr)


def _emulates_bf16() -> bool:
    import torch

    has = torch.cpu.get_capabilities()
    return has.get("architecture") == "x86_64" and not (has.get("avx512_bf16") or has.get("amx_bf16"))
