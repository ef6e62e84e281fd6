"""Trials that share a process on a GPU beside trials with a process each."""

import statistics
import sys
from pathlib import Path

from tabulate import tabulate

from benchmarks.fused import LONE, Run, apart, study
from benchmarks.sweep import Task
from sweeps.worker.placement import gpus

GROUPS = (("dense", "base", 32), ("vit", "tiny", 32), ("cnn", "base", 32))
"""Family, size, and trials in a group."""


def show(data_dir: Path, num_rounds: int) -> None:
    """Print the table of `rows`, or that there is no GPU."""
    if not gpus():
        print("There is no GPU here, so nothing was measured.")
        return
    headers = ["trials per minute", "alone", "fused", "fused x alone", "any metric", "mean accuracy"]
    print(tabulate(rows(data_dir, num_rounds), headers=headers, tablefmt="pipe", floatfmt=".3g"))


def rows(data_dir: Path, num_rounds: int) -> list[list[object]]:
    """Of each group: its name, trials per minute alone and fused, the ratio, and how far the results are apart.

    All trials run on one GPU, one process at a time.
    """
    found: list[list[object]] = []
    for model, size, num in GROUPS:
        extra = ("study.slots=1", "trainer.accelerator=gpu", f"model.size={size}")
        task = Task(model=model, num=num, data_dir=data_dir, extra=extra)
        pairs = [(study(task, LONE), study(task, f"study.fuse={num}")) for _ in range(num_rounds)]
        lone, fused = (_per_minute([pair[side] for pair in pairs], num) for side in (0, 1))
        found.append([f"{num} x {model} {size}", lone, fused, fused / lone, *apart(*pairs[-1])])
        print(f"  {found[-1]}", file=sys.stderr, flush=True)
    return found


def _per_minute(runs: list[Run], num: int) -> float:
    return 60 * num / statistics.median(run.warm_s for run in runs)
