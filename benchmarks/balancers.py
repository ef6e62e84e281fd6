"""A training step under each balancer against the plain step, in turn: one thread each."""

import os
import statistics
import tempfile
import warnings
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.utils import execution_whitelist

from benchmarks.floor import BATCH_SIZE
from benchmarks.step import Clock
from trainer_pkg.config_folder import config_dir
from trainer_pkg.models import register_models
from trainer_pkg.run import run
from trainer_pkg.trusted import WHITELIST

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
    with tempfile.TemporaryDirectory() as folder, initialize_config_dir(config_dir()):
        cfg = compose(
            "train",
            [
                *("data=multihead_mnist", "data/labels=measured", f"data.batch_size={BATCH_SIZE}", "test=false"),
                *(f"model={model}", f"model/balancer={balancer}", "trainer.max_epochs=1", "trainer.accelerator=cpu"),
                *(f"trainer.limit_train_batches={num_steps}", "trainer.limit_val_batches=1"),
                *(f"paths.output_dir={folder}", "+callbacks.clock._target_=benchmarks.step.Clock"),
            ],
        )
        with execution_whitelist([*WHITELIST, "benchmarks.*"]):
            run(cfg)
    return Clock.step_ms
