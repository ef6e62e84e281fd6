"""What keeps trials from training together, read off a configuration; the first reason counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Config = Mapping[str, Any]
"""A configuration as plain values, resolved."""

_TRAINER: Mapping[str, Sequence[Any]] = {
    "_target_": ("lightning.pytorch.Trainer",),
    "precision": (None, "32-true", "32", 32),
    "devices": (1, "1"),
    "num_nodes": (1,),
    "strategy": ("auto",),
    "accumulate_grad_batches": (1,),
    "val_check_interval": (None, 1.0),
    "overfit_batches": (0, 0.0),
    "fast_dev_run": (False, 0),
    "detect_anomaly": (False,),
    "profiler": (None,),
    "max_steps": (-1,),
    "max_time": (None,),
    "reload_dataloaders_every_n_epochs": (0,),
    "sync_batchnorm": (False,),
    "barebones": (False,),
    "plugins": (None,),
}
"""Arguments of the trainer to the values with which trials can train together."""

_ANY = """
default_root_dir accelerator min_epochs max_epochs min_steps gradient_clip_val gradient_clip_algorithm
check_val_every_n_epoch num_sanity_val_steps enable_model_summary enable_progress_bar enable_checkpointing
log_every_n_steps limit_train_batches limit_val_batches limit_test_batches limit_predict_batches deterministic
benchmark inference_mode use_distributed_sampler
"""
"""Arguments whose value makes no difference to it."""

_ACCELERATORS = {"cpu": ("auto", "cpu"), "cuda": ("auto", "cpu", "gpu", "cuda")}
"""Device of a trial to `trainer.accelerator` with which trials can train together."""

_CALLBACKS = (
    "lightning.pytorch.callbacks.ModelCheckpoint",
    "lightning.pytorch.callbacks.EarlyStopping",
    "lightning.pytorch.callbacks.ModelSummary",
    "lightning.pytorch.callbacks.RichModelSummary",
    "trainer_pkg.checkpoint.ResumeCheckpoint",
    "sweeps.lightning.TrialCallback",
    "sweeps.lightning.Progress",
)
"""Callbacks that look at epochs, or at a batch alone that each trial trains on for itself."""

_LOGGERS = (
    "sweeps.lightning.JournalLogger",
    "lightning.pytorch.loggers.CSVLogger",
    "lightning.pytorch.loggers.MLFlowLogger",
    "lightning.pytorch.loggers.TensorBoardLogger",
)
"""Loggers of which a process can have several."""

_TRANSFORMS = ("trainer_pkg.data.transforms.*", "torchvision.transforms.*")
"""Steps that draw from torch's random numbers alone, which are those of the batch."""

_OPTIMIZERS = "torch.optim.*"
_NOT = ("torch.optim.LBFGS", "torch.optim.SparseAdam")


def hindrance(config: Config, device: str) -> str | None:
    """Why trials of this configuration cannot train together; None: they can.

    Args:
        config: The configuration.
        device: `cpu` or `cuda`.

    Example:
        >>> hindrance({"trainer": {"_target_": "lightning.pytorch.Trainer", "precision": "16-mixed"}}, "cpu")
        'trainer.precision=16-mixed'
    """
    rules: list[Callable[[Config, str], str | None]] = [_of_run, _of_trainer, _of_parts, _of_data, _of_model]
    return next((reason for rule in rules if (reason := rule(config, device))), None)


def _of_run(config: Config, device: str) -> str | None:
    if not config.get("train", True):
        return "train=false: nothing is trained"
    return f"ckpt_path={config['ckpt_path']}" if config.get("ckpt_path") else None


def _of_trainer(config: Config, device: str) -> str | None:
    for key, value in config["trainer"].items():
        if key in _TRAINER and value not in _TRAINER[key]:
            return f"trainer.{key}={value}"
        if key not in _TRAINER and key not in _ANY.split() and value is not None:
            return f"trainer.{key}={value}: nobody has tried it"
    accelerator = config["trainer"].get("accelerator", "auto")
    if accelerator not in _ACCELERATORS.get(device, ()):
        return f"trainer.accelerator={accelerator}: trials train together on a CPU or on an NVIDIA GPU"
    if config["trainer"].get("check_val_every_n_epoch", 1) is None:
        return "trainer.check_val_every_n_epoch=null"
    return None


def _of_parts(config: Config, device: str) -> str | None:
    """Callbacks and loggers that might look at each batch."""
    groups = (("callbacks", _CALLBACKS, "may look at each batch"), ("logger", _LOGGERS, "may be one per process"))
    for group, known, why in groups:
        for name, entry in (config.get(group) or {}).items():
            target = (entry or {}).get("_target_", known[0])
            if target not in known:
                return f"{group}.{name}: {target} {why}"
            for key in ("every_n_train_steps", "train_time_interval"):
                if (entry or {}).get(key):
                    return f"{group}.{name}.{key}={entry[key]}"
    return None


def _of_data(config: Config, device: str) -> str | None:
    data = config["data"]
    if data.get("num_workers"):
        return f"data.num_workers={data['num_workers']}"
    for target in _targets(data.get("train_transform")):
        if not any(fnmatchcase(target, pattern) for pattern in _TRANSFORMS):
            return f"data.train_transform: {target} may draw random numbers of its own"
    return None


def _of_model(config: Config, device: str) -> str | None:
    model = config["model"]
    if model.get("compile"):
        return "model.compile=true"
    balancer = (model.get("balancer") or {}).get("_target_", "trainer_pkg.losses.balancers.FixedWeights")
    if balancer != "trainer_pkg.losses.balancers.FixedWeights":
        return f"model.balancer: {balancer.rpartition('.')[2]} looks into the network of each step"
    optimizer = str(model["optimizer"].get("_target_"))
    if not fnmatchcase(optimizer, _OPTIMIZERS) or optimizer in _NOT:
        return f"model.optimizer: {optimizer} may take a second look at the loss in its step"
    return None


def _targets(node: Any) -> Iterator[str]:
    """Every `_target_` in a part of a configuration."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"])
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _targets(value)
