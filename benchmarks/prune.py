"""What asha saves and what it loses: the same 48 points of real MNIST, unpruned and pruned."""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_BIN = Path(sys.executable).parent
_LRS = ("0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03")
_WEIGHTS = ("0.1", "0.3", "1.0", "3.0")
_MODELS = "study.points=[{model: dense},{model: cnn, model.size: tiny}]"
_PRUNER = ("study/pruner=asha", "study.pruner.min_resource=1", "study.pruner.reduction_factor=3")
_JUDGED = "val/score"
NUM_EPOCHS = 9
NUM_POINTS = 2 * len(_LRS) * len(_WEIGHTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One study.

    Attributes:
        best: The best value of its objective.
        curves: What each trial reported, epoch by epoch.
        num_pruned: Trials that were stopped.
        train_s: Seconds of training, over all trials.
        wall_s: From the command to its end.
    """

    best: float
    curves: list[list[float]]
    num_pruned: int
    train_s: float
    wall_s: float

    @property
    def num_epochs(self) -> int:
        """Epochs that were trained to their end."""
        return sum(map(len, self.curves))


def measure(data_dir: Path, seeds: int, num_batches: int, keep: Path | None = None) -> list[dict[str, float]]:
    """A row per seed: both studies, and what the pruned one has of the other.

    Args:
        data_dir: Folder that holds MNIST/raw.
        seeds: How many; a seed draws weights, batches and the order of the points.
        num_batches: Of 64 images, an epoch.
        keep: Where the curves of the unpruned studies are written, one line per trial; None: nowhere.
    """
    rows, kept = [], []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory(prefix="sweeps-prune-") as name:
            line = _line(seed, num_batches)
            whole = _study(Path(name), data_dir, "whole", line)
            pruned = _study(Path(name), data_dir, "pruned", (*line, *_PRUNER))
        kept += [[seed, number, *curve] for number, curve in enumerate(whole.curves)]
        rows.append(
            {
                "seed": seed,
                "best": whole.best,
                "best, asha": pruned.best,
                "worse by %": 100 * (whole.best - pruned.best) / whole.best,
                "epochs": whole.num_epochs,
                "epochs, asha": pruned.num_epochs,
                "epochs %": 100 * pruned.num_epochs / whole.num_epochs,
                "training %": 100 * pruned.train_s / whole.train_s,
                "pruned": pruned.num_pruned,
                "wall %": 100 * pruned.wall_s / whole.wall_s,
            }
        )
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    if keep is not None:
        with keep.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["seed", "trial", *(f"epoch_{i + 1}" for i in range(NUM_EPOCHS))])
            writer.writerows([[*row[:2], *(f"{value:.5f}" for value in row[2:])] for row in kept])
    return rows


def _line(seed: int, num_batches: int) -> tuple[str, ...]:
    """The points in an order of the seed's: one that rises or falls is the worst or the best for any pruner."""
    order = random.Random(seed)
    lrs, weights = order.sample(_LRS, len(_LRS)), order.sample(_WEIGHTS, len(_WEIGHTS))
    return (
        "data=multihead_mnist",
        f"model.optimizer.lr={','.join(lrs)}",
        f"model.loss_weights.thickness={','.join(weights)}",
        _MODELS,
        f"seed={seed}",
        f"trainer.max_epochs={NUM_EPOCHS}",
        f"trainer.limit_train_batches={num_batches}",
        "test=false",
    )


def _study(folder: Path, data_dir: Path, name: str, line: tuple[str, ...]) -> Found:
    own = (f"study.name={name}", "tracking.uri=null", "study.report=false")
    environment = {**os.environ, "SWEEPS_DATA_DIR": str(data_dir)}
    start = time.perf_counter()
    command = [_BIN / "train", "-m", *line, *own]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exited with {done.returncode}:\n{done.stderr[-3000:]}")
    wall_s = time.perf_counter() - start
    table = subprocess.check_output([_BIN / "sweeps", "table", name, "--trials"], cwd=folder, text=True)
    trials = list(csv.DictReader(table.splitlines()))
    values = [float(trial["objective/val/score_best"]) for trial in trials if trial["state"] == "completed"]
    journals = sorted(folder.glob(f"logs/studies/{name}/trials/*/journal.jsonl"))
    return Found(
        best=max(values),
        curves=[_curve(path) for path in journals],
        num_pruned=sum(trial["state"] == "pruned" for trial in trials),
        train_s=sum(float(trial["duration_s"]) for trial in trials),
        wall_s=wall_s,
    )


def _curve(journal: Path) -> list[float]:
    """The judged metric of each epoch that was trained to its end."""
    records = (json.loads(line) for line in journal.read_text().splitlines())
    found = {r["step"]: r["metrics"][_JUDGED] for r in records if _JUDGED in r.get("metrics", ())}
    return [found[step] for step in sorted(found)]
