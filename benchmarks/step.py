"""A Lightning step of the product against the bare step of the same network: one thread each, in turn."""

import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, ClassVar

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from lightning.pytorch import Callback

from benchmarks.floor import BATCH_SIZE, Data, Network, step
from trainer_pkg.config_folder import config_dir
from trainer_pkg.models import register_models
from trainer_pkg.run import run
from trainer_pkg.trusted import WHITELIST


class Clock(Callback):
    """Times an epoch of training from its first batch to its last, whatever else the trainer does."""

    step_ms: ClassVar[float]

    def on_train_epoch_start(self, *args: Any) -> None:
        self._start = time.perf_counter()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        Clock.step_ms = 1000 * (time.perf_counter() - self._start) / (batch_idx + 1)


def measure(data_dir: Path, num_rounds: int, model: str, precision: str, num_steps: int) -> dict[str, float]:
    """Median milliseconds a step: the bare loop's, the product's, and the bare loop's with fused Adam.

    Args:
        data_dir: Folder that holds MNIST/raw.
        num_rounds: How often each is timed.
        model: `dense` or `cnn`.
        precision: `trainer.precision` of the product; the bare loop stays in float32.
        num_steps: Steps of a round.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.environ["SWEEPS_DATA_DIR"] = str(data_dir)
    register_models()
    data = Data(data_dir)
    rounds: dict[str, list[float]] = {"bare": [], "ours": [], "bare, fused": []}
    for _ in range(num_rounds):
        rounds["bare"].append(_bare(data, model, num_steps, fused=False))
        rounds["ours"].append(step_of_ours(model, num_steps, f"trainer.precision={precision}"))
        rounds["bare, fused"].append(_bare(data, model, num_steps, fused=True))
    return {name: statistics.median(values) for name, values in rounds.items()}


def _bare(data: Data, model: str, num_steps: int, *, fused: bool) -> float:
    network = Network(model)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused or None)
    rows = data.train_rows[torch.randperm(len(data.train_rows))].split(BATCH_SIZE)[:num_steps]
    start = time.perf_counter()
    for batch in rows:
        step(network, optimizer, data, batch, 1.0)
    return 1000 * (time.perf_counter() - start) / len(rows)


def step_of_ours(model: str, num_steps: int, *overrides: str) -> float:
    """Milliseconds of a step of the trainer, in one epoch without a test.

    Args:
        model: The model.
        num_steps: Steps of the epoch.
        overrides: What else is set.
    """
    with tempfile.TemporaryDirectory() as folder, initialize_config_dir(config_dir()):
        cfg = compose(
            "train",
            [
                *("data=multihead_mnist", f"model={model}", f"data.batch_size={BATCH_SIZE}", "trainer.max_epochs=1"),
                *(f"trainer.limit_train_batches={num_steps}", "test=false", f"paths.output_dir={folder}"),
                *("+callbacks.clock._target_=benchmarks.step.Clock", *overrides),
            ],
        )
        with execution_whitelist([*WHITELIST, "benchmarks.*"]):
            run(cfg)
    return Clock.step_ms
