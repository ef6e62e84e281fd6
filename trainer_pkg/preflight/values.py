"""Checks of a configuration that need none of its objects, or only the metrics that they report."""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.config_folder import config_dir
from trainer_pkg.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from trainer_pkg.module import ImageModule

_FACTORIES = ("net", "optimizer", "adapter", "head", "scheduler", "balancer")
_BEST_OF_BEFORE = ("val/acc_best", "val/mae_best")
"""What earlier versions reported: the best value of the first head, whichever epoch was kept."""
_FURTHER_TIMES = ("every_n_train_steps", "train_time_interval", "save_on_train_epoch_end")
"""Options of a checkpoint callback that let it look at other times than after each validation."""
_EXTRAS = {"TensorBoardLogger": "tensorboard", "WandbLogger": "wandb"}


def check_switches(cfg: DictConfig) -> None:
    """A seed is a whole number or null; `train` and `test` are true or false."""
    if isinstance(cfg.get("seed"), bool) or not isinstance(cfg.get("seed"), int | None):
        raise ConfigError(f"seed={cfg.seed} must be a whole number, or null for none.")
    for key in ("train", "test"):
        if not isinstance(cfg[key], bool):
            raise ConfigError(f"{key}={cfg[key]} must be true or false.")


def check_groups(cfg: DictConfig) -> None:
    """No group holds the name of one of its files: a dotted override, `model.optimizer=adam`, would put it there."""
    for folder in Path(config_dir()).glob("*/*/"):
        key = f"{folder.parent.name}.{folder.name}"
        value = OmegaConf.select(cfg, key)
        if isinstance(value, str):
            raise ConfigError(f"{key}={value} names an option of a group: write {key.replace('.', '/')}={value}.")


def check_factories(cfg: DictConfig) -> None:
    """What the module itself builds, for the data that it is given, stands in the configuration as a factory."""
    for key in (f"model.{name}" for name in _FACTORIES):
        node = OmegaConf.select(cfg, key)
        target = node.get("_target_") if OmegaConf.is_dict(node) else None
        if target and node.get("_partial_") is not True and isinstance(get_object(target), type):
            raise ConfigError(f"{key}: {target} is built later, for the data. Say so: +{key}._partial_=true.")


def check_loggers(cfg: DictConfig) -> None:
    """The package and the account of each logger are there; without, a logger fails only when it logs."""
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


def check_job_logging(config: DictConfig) -> None:
    """Python's logging takes `hydra.job_logging`; tried with the null device in place of its files."""
    from hydra.core.utils import configure_log

    if OmegaConf.select(config, "hydra.job_logging") is None:
        return
    handlers = OmegaConf.select(config, "hydra.job_logging.handlers") or {}
    null = {name: {"filename": os.devnull} for name, handler in handlers.items() if handler and "filename" in handler}
    tried = OmegaConf.merge(config, {"hydra": {"job_logging": {"handlers": null}}} if null else {})
    try:
        configure_log(OmegaConf.select(tried, "hydra.job_logging"))
    except Exception as error:  # logging raises many kinds
        told = str(error) if error.__cause__ is None or "\n" in str(error) else f"{error}: {error.__cause__}"
        raise ConfigError(f"hydra.job_logging: {' '.join(told.partition('See http')[0].split())}") from error


def check_checkpoint(cfg: DictConfig, module: "ImageModule") -> None:
    """A checkpoint to continue from, or to test, can be read and is of this network."""
    from trainer_pkg.checkpoint import check_fits

    if cfg.get("ckpt_path"):
        check_fits(Path(cfg.ckpt_path), module, to_train=cfg.train)


def check_metrics(cfg: DictConfig, directions: Mapping[str, str], untrained: Sequence[str] = ()) -> None:
    """Every metric that the configuration names is reported, and goes the way that the configuration says.

    Args:
        cfg: The configuration.
        directions: Every metric that is reported, to `min` or `max`.
        untrained: The heads of weight 0, which report nothing.
    """
    study = cfg.get("study") or {}
    asked = [("study.objective", study.get("objective"), "study.direction", study.get("direction"))]
    for name, callback in (cfg.get("callbacks") or {}).items():
        if callback and "monitor" in callback:
            key = f"callbacks.{name}"
            asked.append((f"{key}.monitor", callback.monitor, f"{key}.mode", callback.get("mode")))
    for key, metrics, way_key, ways in asked:
        for metric, way in zip(_as_list(metrics), [*_as_list(ways), *[None] * len(directions)], strict=False):
            if metric not in directions:
                known = did_you_mean(metric, directions)
                raise ConfigError(f"No head reports {metric} ({key}).{_why_not(metric, untrained)} Reported: {known}")
            _check_direction(f"{key}={metric}", directions[metric], way_key, way)


def other_epoch(cfg: DictConfig) -> str | None:
    """Why the objective is not of the epoch that is kept, as a warning; None where it is."""
    objective = OmegaConf.select(cfg, "study.objective")
    if not cfg.train or "val/score_best" not in _as_list(objective):
        return None
    callbacks = [callback for callback in (cfg.get("callbacks") or {}).values() if callback]
    kept: Any = next((each for each in callbacks if str(each.get("_target_")).endswith(".ModelCheckpoint")), {})
    is_usual = kept.get("monitor") in ("val/score", "val/score_best") and kept.get("every_n_epochs") in (None, 1)
    if is_usual and not any(kept.get(key) for key in _FURTHER_TIMES):
        return None
    return (
        "study.objective=val/score_best is the best score of all epochs, and another one may be kept and tested here"
        " (callbacks.best). study.objective=val/score is of the epoch that is."
    )


def _why_not(metric: str, untrained: Sequence[str]) -> str:
    """A sentence, behind a space, on why a metric is not reported; empty where there is nothing to say."""
    if metric in _BEST_OF_BEFORE:
        return " All val/ metrics are of the epoch that model.select chooses; val/score_best is its score."
    return f" Heads of weight 0 are not trained: {', '.join(untrained)}." if untrained else ""


def _check_direction(watched: str, direction: str, key: str, way: str | None) -> None:
    """Compare the way that a configuration wants a metric to go, `min`, `maximize` ..., with the metric's direction."""
    if way is not None and (direction == "min") != str(way).startswith("min"):
        better = direction + ("imize" if key.startswith("study") else "")
        raise ConfigError(f"{key}={way} does not agree with {watched}: set {key}={better}.")


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
