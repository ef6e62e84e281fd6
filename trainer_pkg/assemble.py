"""Builds the objects of a run from its configuration; a run and the check before it share these functions."""

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.utils import execution_whitelist, instantiate
from lightning.fabric.utilities import registry
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.checkpoint import AtomicCheckpointIO
from trainer_pkg.confusion import Confusion
from trainer_pkg.data import DataModule
from trainer_pkg.direct import construct
from trainer_pkg.epoch_results import watch
from trainer_pkg.finite import FiniteLoss
from trainer_pkg.module import ImageModule
from trainer_pkg.record import RunRecord, plain_config
from trainer_pkg.trusted import canonical_names

# Each trainer looks through all installed packages for callbacks of theirs, which takes a process 10 ms each time.
registry.entry_points = functools.cache(registry.entry_points)  # type: ignore[assignment, attr-defined]
registry.entry_points(group="lightning.pytorch.callbacks_factory")  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The objects of one run, as `trainer_pkg.run.train` takes them.

    Attributes:
        data: The data module.
        module: The Lightning module, built for the data's shape and targets.
        trainer: The trainer, with callbacks and loggers.
        record: That callback of the trainer which keeps the configuration and the latest metrics.
    """

    data: DataModule
    module: ImageModule
    trainer: Trainer
    record: RunRecord


def assemble(cfg: DictConfig, data: DataModule | None = None) -> Run:
    """Build everything that a run needs.

    Args:
        cfg: The configuration.
        data: The data module of `data`; None: it is built, too.

    Raises:
        ConfigError: Two parts of the configuration do not fit each other.
        InstantiationException: A constructor refuses its arguments.
    """
    data = data or make_data(cfg)
    module = make_module(cfg, data)
    record = RunRecord(plain_config(cfg))
    callbacks, loggers = (
        [make_entry(cfg, group, name) for name in names_in(cfg, group)] for group in ("callbacks", "logger")
    )
    confusion = Confusion(data.spec.targets, cfg.paths.output_dir)
    trainer = make_trainer(cfg, [FiniteLoss(), *callbacks, record, confusion], loggers)
    return Run(data=data, module=module, trainer=trainer, record=record)


def make_data(cfg: DictConfig) -> DataModule:
    """The data module of `data`; nothing is read yet."""
    data: DataModule = build(cfg.data)
    return data


def make_module(cfg: DictConfig, data: DataModule) -> ImageModule:
    """The Lightning module of `model`, built for what `data` is made of."""
    module: ImageModule = build(cfg.model, spec=data.spec)
    return module


def names_in(cfg: DictConfig, group: str) -> list[str]:
    """Names of the entries of `callbacks` or `logger`, less those that are null."""
    return [str(name) for name, entry in (cfg.get(group) or {}).items() if entry]


def make_entry(cfg: DictConfig, group: str, name: str) -> Any:
    """The callback or logger of that name."""
    return build(cfg[group][name])


def make_trainer(cfg: DictConfig, callbacks: Sequence[Callback], loggers: Sequence[Logger]) -> Trainer:
    """The trainer of `trainer`, which writes its checkpoints atomically."""
    # The data module shares the rows between devices itself, whoever chose the strategy, and however.
    own = {} if "use_distributed_sampler" in cfg.trainer else {"use_distributed_sampler": False}
    trainer: Trainer = build(
        cfg.trainer,
        callbacks=list(callbacks),
        logger=list(loggers) or False,
        plugins=[AtomicCheckpointIO()],
        **own,
    )
    watch(trainer)
    return trainer


def build(node: DictConfig, **kwargs: Any) -> Any:
    """What a node of the configuration names, with whatever it is made of."""
    plain: Any = OmegaConf.to_container(node, resolve=True)
    # Where it fails, Hydra fails, too, and says at which key.
    with contextlib.suppress(Exception):
        return construct(plain, **kwargs)
    key = node._get_full_key(None)
    with execution_whitelist(canonical_names(plain)):
        return instantiate(_alone(plain, key), **kwargs)


def _alone(plain: Any, key: str) -> DictConfig:
    """A node of a configuration without the rest, which Hydra would copy; errors still name its key."""
    node: DictConfig
    if not key:
        node = OmegaConf.create(plain)
        return node
    root = OmegaConf.create({})
    OmegaConf.update(root, key, plain, force_add=True)
    node = OmegaConf.select(root, key)
    return node
