"""A training step under each balancer against the plain step, in turn: one thread each."""

import os
import statistics
import warnings
from pathlib import Path

import torch
from hydra.core.config_store import ConfigStore

from benchmarks.step import step_of_ours
from trainer_pkg.models import register_models

PLAIN = "none"


def options() -> list[str]:
    """The plain step first, then every option of `model/balancer`."""
    register_models()
    names = [name.removesuffix(".yaml") for name in ConfigStore.instance().list("model/balancer")]
    return [PLAIN, "fixed", *(name for name in names if name != PLAIN)]


def measure(
    data_dir: Path, num_rounds: int, model: str, num_steps: int, names: list[str]
) -> dict[str, tuple[float, float]]:
    """Balancer to the median milliseconds of its step, and the median of its ratios to the plain step of the round.

    Args:
        data_dir: Folder that holds MNIST/raw.
        num_rounds: How often each is timed; one more round warms up.
        model: A family of networks.
        num_steps: Steps of a round.
        names: Balancers, `none` first.
    """
    register_models()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.environ["SWEEPS_DATA_DIR"] = str(data_dir)
    rounds = [{name: _step_ms(model, name, num_steps) for name in names} for _ in range(num_rounds + 1)][1:]
    return {
        name: (
            statistics.median(found[name] for found in rounds),
            statistics.median(found[name] / found[PLAIN] for found in rounds),
        )
        for name in names
    }


def _step_ms(model: str, balancer: str, num_steps: int) -> float:
    options = ("data/labels=measured", "trainer.accelerator=cpu", "trainer.limit_val_batches=1")
    return step_of_ours(model, num_steps, f"model/balancer={balancer}", *options)
