"""Makes a process ready to train: seeds, precision, and silence about what concerns nobody."""

import logging
import os
import warnings

import torch
from lightning.pytorch import Trainer, seed_everything

_NOISE = (
    # The data module resumes the order itself, the loader has no state of its own.
    ".*your dataloader is not resumable.*",
    # The data is in memory: loader processes would only cost.
    ".*does not have many workers.*",
    # A resumed run continues in its own directory.
    ".*Checkpoint directory .* exists and is not empty.*",
    # Evaluation needs the weights of a checkpoint, not the callbacks of its training.
    ".*callbacks used to create the checkpoint need to be provided.*",
    # Lightning's own use of torch.
    ".*LeafSpec.*is deprecated.*",
    # The worker of a Slurm job has started the trial; what it has is what the trial has.
    ".*`srun` command is available.*",
    # Fused trials on a GPU: torch then does something trial by trial, which was the alternative anyway.
    ".*not yet implemented the batching rule.*",
    # Short epochs are normal here, metrics are logged once an epoch.
    ".*is smaller than the logging interval.*",
)


def prepare(seed: int | None) -> None:
    """Make this process ready to train.

    Args:
        seed: Of all random number generators, 0 included; None leaves them as they are.
    """
    quiet()
    if seed is not None:
        seed_everything(seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    _hide_absent_gpus()


def quiet() -> None:
    """Drop warnings and banners that do not concern the user of this application."""
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)


def share_threads(trainer: Trainer) -> None:
    """Divide the threads of this process among those of a run on several CPU devices.

    Lightning does so only where `OMP_NUM_THREADS` is not set, as it is in a trial. A forked process gets one thread:
    OpenMP's others do not exist behind a fork, and it would wait for them without end.
    """
    if trainer.num_devices < 2 or trainer.strategy.root_device.type != "cpu":
        return
    is_forked = getattr(trainer.strategy.launcher, "_start_method", None) == "fork"
    share = 1 if is_forked else max(1, torch.get_num_threads() // trainer.num_devices)
    os.environ["OMP_NUM_THREADS"] = str(share)
    torch.set_num_threads(share)


def _hide_absent_gpus() -> None:
    """Spare each optimizer step the search for a CUDA driver, which takes a tenth of a small network's step.

    Before every step torch asks whether there is an accelerator, and it does not remember that there was none. If no
    device is visible, it does not look.
    """
    if not torch.cuda.is_available():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
