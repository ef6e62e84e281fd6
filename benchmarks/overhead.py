"""What a trial costs beside its training."""

import os
import statistics
import time
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist, instantiate

from benchmarks.sweep import Task, ours
from trainer_pkg.config_folder import config_dir
from trainer_pkg.models import register_models
from trainer_pkg.trusted import WHITELIST

_ONE_BATCH = tuple(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test"))


def trial_s(data_dir: Path, num: int, slots: int, num_rounds: int) -> float:
    """Median seconds of a slot for a trial of dense 68k that trains, validates and tests one batch each.

    Tracking and checkpoints are on: what is left is the process, the configuration, the data set, the trainer, the
    checkpoints and the study.
    """
    task = Task(model="dense", num=num, data_dir=data_dir, extra=(f"study.slots={slots}", *_ONE_BATCH))
    return statistics.median(ours(task).warm_s * slots / num for _ in range(num_rounds))


def data_ready_s(data_dir: Path, num_rounds: int = 9) -> float:
    """Median seconds until MNIST with three heads can be read, the cache file being there."""
    os.environ["SWEEPS_DATA_DIR"] = str(data_dir)
    register_models()
    with initialize_config_dir(config_dir()):
        cfg = compose("train", ["data=multihead_mnist", "paths.output_dir=."])
    seconds = []
    with execution_whitelist(WHITELIST):
        for _ in range(num_rounds):
            start = time.perf_counter()
            data = instantiate(cfg.data)
            data.prepare_data()
            data.setup()
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
