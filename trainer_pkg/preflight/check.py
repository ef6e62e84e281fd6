"""Everything that can be known to be wrong before anything is created."""

import importlib.util
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.preflight.blame import blaming
from trainer_pkg.preflight.signatures import check_signatures

if TYPE_CHECKING:
    from lightning.pytorch import Callback as LightningCallback
    from lightning.pytorch import Trainer
    from torch import Tensor

    from trainer_pkg.data import DataModule
    from trainer_pkg.module import ImageModule


_EXTRAS = {"TensorBoardLogger": "tensorboard", "WandbLogger": "wandb"}


class Preflight(Callback):
    """Refuses a configuration that cannot be trained before Hydra makes its output directory.

    A sweep calls it once for every value it varies.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from trainer_pkg.preflight.one_line import one_line

        try:
            check(config)
        # Hydra turns an exception of a callback into a warning, so the exit has to be asked for.
        except Exception as error:
            if not _is_users(error):
                raise SystemExit(_traceback(error)) from error
            print(f"Error: {one_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None


def check(config: DictConfig) -> None:
    """Build what the configuration names, look at the data, and compare the names between them.

    Raises:
        ConfigError: With the rule, the value found and the nearest valid ones.
    """
    from trainer_pkg import assemble
    from trainer_pkg.environment import quiet

    quiet()
    cfg = cast(DictConfig, OmegaConf.merge(config, {"paths": {"output_dir": "."}}))
    _check_switches(cfg)
    _check_groups(cfg)
    for group in ("data", "model", "trainer", "callbacks", "logger"):
        check_signatures(OmegaConf.to_container(cfg[group], resolve=True) if cfg.get(group) else None, group)
    with blaming(cfg, "data"):
        data = assemble.make_data(cfg)
        data.prepare_data()
        data.setup()
        rows = _first_rows(data)
    with blaming(cfg, "model"):
        module = assemble.make_module(cfg, data)
    with blaming(cfg, "model.criterion", "model.criteria", kinds=(RuntimeError,)):
        losses_H = _try_losses(rows, module)
    with blaming(cfg, "model.balancer", kinds=(RuntimeError,)):
        _try_balancer(losses_H, module)
    with blaming(cfg, "model.optimizer", "model.scheduler"):
        module.configure_optimizers()
    callbacks = _callbacks(cfg)
    _check_loggers(cfg)
    _check_checkpoint(cfg)
    _check_metrics(cfg, module.metric_directions)
    with blaming(cfg, "trainer"):
        # Without loggers: some of them create files as soon as they are made.
        trainer = assemble.make_trainer(cfg, callbacks, loggers=[])
    _warn_of_slow_precision(trainer)


def _callbacks(cfg: DictConfig) -> "list[LightningCallback]":
    from trainer_pkg import assemble

    callbacks = []
    for name in assemble.names_in(cfg, "callbacks"):
        with blaming(cfg, f"callbacks.{name}"):
            callbacks.append(assemble.make_entry(cfg, "callbacks", name))
    return callbacks


def _first_rows(data: "DataModule") -> "dict[str, Tensor]":
    """Two validation rows as a step gets them; training batches must be of the same shape and type."""
    batches = [next(iter(loader)) for loader in (data.val_dataloader(), data.train_dataloader())]
    val, train = (batch["image"] for batch in batches)
    if (val.shape[1:], val.dtype) != (train.shape[1:], train.dtype):
        raise ConfigError(
            f"data.train_transform makes images {tuple(train.shape[1:])} {train.dtype}, data.eval_transform"
            f" {tuple(val.shape[1:])} {val.dtype}: both must be alike."
        )
    return data.on_after_batch_transfer({name: column[:2] for name, column in batches[0].items()}, 0)


def _try_losses(rows: "dict[str, Tensor]", module: "ImageModule") -> "Tensor":
    """Let every loss see two rows: one that cannot take the labels says so here, not in the first step.

    Returns:
        The loss of each head, (H,).
    """
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch warns of here, it refuses or we do
        module.eval()
        return module.criteria(module(rows["image"], rows.get("aux")), rows)  # type: ignore[no-any-return]


def _try_balancer(losses_H: "Tensor", module: "ImageModule") -> None:
    """Let the balancer see the losses of two rows: it must make one number of them."""
    shape = tuple(module.balancer(losses_H).shape)
    if shape != ():
        raise ConfigError(f"model.balancer makes {shape} of {tuple(losses_H.shape)} losses; one number, (), is needed.")


def _check_switches(cfg: DictConfig) -> None:
    if isinstance(cfg.get("seed"), bool) or not isinstance(cfg.get("seed"), int | None):
        raise ConfigError(f"seed={cfg.seed} must be a whole number, or null for none.")
    for key in ("train", "test"):
        if not isinstance(cfg[key], bool):
            raise ConfigError(f"{key}={cfg[key]} must be true or false.")


def _check_groups(cfg: DictConfig) -> None:
    """A dotted override would put a name where the files of a group belong."""
    from trainer_pkg.preflight.one_line import config_dir

    for folder in Path(config_dir()).glob("*/*/"):
        key = f"{folder.parent.name}.{folder.name}"
        value = OmegaConf.select(cfg, key)
        if isinstance(value, str):
            raise ConfigError(f"{key}={value} names an option of a group: write {key.replace('.', '/')}={value}.")


def _check_loggers(cfg: DictConfig) -> None:
    """Loggers whose package or account is missing fail only when they log."""
    targets = {name: str(logger.get("_target_")) for name, logger in (cfg.get("logger") or {}).items() if logger}
    for name, target in targets.items():
        package = _EXTRAS.get(target.rpartition(".")[2])
        if package and importlib.util.find_spec(package) is None:
            raise ConfigError(f"logger={name} needs the package {package}: pip install 'hydra-sweeps[{package}]'.")
        is_online = not cfg.logger[name].get("offline") and os.environ.get("WANDB_MODE", "online") == "online"
        if package == "wandb" and is_online:
            import wandb

            if not wandb.login(prompt=False, verify=False):
                raise ConfigError(f"logger={name} has no key: `wandb login`, or logger.{name}.offline=true.")


def _check_checkpoint(cfg: DictConfig) -> None:
    from trainer_pkg.checkpoint import load

    if cfg.get("ckpt_path"):
        load(Path(cfg.ckpt_path))


def _check_metrics(cfg: DictConfig, directions: Mapping[str, str]) -> None:
    """Whatever names a metric must name one that is reported, and its direction must be the metric's own."""
    study = cfg.get("study") or {}
    asked = [("study.objective", study.get("objective"), "study.direction", study.get("direction"))]
    for name, callback in (cfg.get("callbacks") or {}).items():
        if callback and "monitor" in callback:
            key = f"callbacks.{name}"
            asked.append((f"{key}.monitor", callback.monitor, f"{key}.mode", callback.get("mode")))
    for key, metrics, way_key, ways in asked:
        for metric, way in zip(_each(metrics), [*_each(ways), *[None] * len(directions)], strict=False):
            if metric not in directions:
                known = did_you_mean(metric, directions)
                raise ConfigError(f"{key}={metric} is reported by no head. Reported: {known}")
            _check_way(f"{key}={metric}", directions[metric], way_key, way)


def _check_way(watched: str, direction: str, key: str, way: str | None) -> None:
    """Compare the way that a configuration wants a metric to go, `min`, `maximize` ..., with the metric's direction."""
    if way is not None and (direction == "min") != str(way).startswith("min"):
        better = direction + ("imize" if key.startswith("study") else "")
        raise ConfigError(f"{key}={way} does not agree with {watched}: set {key}={better}.")


def _each(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _warn_of_slow_precision(trainer: "Trainer") -> None:
    if trainer.precision.startswith("bf16") and trainer.strategy.root_device.type == "cpu" and _emulates_bf16():
        slow = "this CPU has no bfloat16 instructions and emulates them, many times slower than 32-true"
        print(f"Warning: trainer.precision={trainer.precision}: {slow}.", file=sys.stderr)


def _emulates_bf16() -> bool:
    import torch

    has = torch.cpu.get_capabilities()
    return has.get("architecture") == "x86_64" and not (has.get("avx512_bf16") or has.get("amx_bf16"))


def _is_users(error: Exception) -> bool:
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    return isinstance(error, HydraException | OmegaConfBaseException)


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
