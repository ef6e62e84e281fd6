"""Trials that share a process beside trials with a process each: time, results, overhead, memory."""

import csv
import io
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from tabulate import tabulate

from benchmarks.floor import BATCH_SIZE
from benchmarks.sweep import _BIN, Task, _folder, _list, _train, _warm_s, floor

LONE, FUSED = "study.fuse=off", "study.fuse=auto"
_ONE_BATCH = tuple(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test"))
_LOOK_S = 0.1
_MEMBERS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A study of trials that differ in one loss weight.

    Attributes:
        warm_s: From the start of the first trial to the end of the last.
        rows: Its trials, metric name to value, in the order of their numbers.
    """

    warm_s: float
    rows: list[dict[str, float]]


def study(task: Task, *extra: str) -> Run:
    """Train the trials of a task, in a folder whose databases exist already."""
    with _folder(task) as folder:
        _train(folder, "data=multihead_digits", "trainer.limit_train_batches=1", "study.name=first", "seed=0,1")
        line = (f"model={task.model}", f"model.loss_weights.thickness={_list(task.num)}", "data=multihead_mnist")
        _train(folder, *line, f"data.batch_size={BATCH_SIZE}", "study.name=bench", *task.extra, *extra)
        command = [_BIN / "sweeps", "table", "bench", "--trials", "--format", "csv"]
        table = subprocess.check_output(command, cwd=folder, text=True)
        rows = [_numbers(row) for row in csv.DictReader(io.StringIO(table))]
        warm_s = _warm_s(f"sqlite:///{folder}/logs/studies/studies.db", "bench")
        return Run(warm_s=warm_s, rows=rows)


def show(data_dir: Path, num: int, num_rounds: int, num_seeds: int) -> None:
    """Print what `num` trials take, what each costs beside its training, their memory, and how far results differ."""
    base, mlp = task_of("dense", num, data_dir), task_of("mlp", num, data_dir)
    tasks = {"dense base": base, "dense tiny": task_of("dense", num, data_dir, "tiny"), "mlp base": mlp}
    rows = []
    for name, task in tasks.items():
        found = times(task, num_rounds, has_floor=task is base)
        floor_s, lone_s, fused_s = found.get("bare loop"), found["lone"], found["fused"]
        rows.append([name, floor_s, lone_s, fused_s, fused_s / floor_s if floor_s else None, fused_s / lone_s])
        print(f"  {name}: {found}", file=sys.stderr, flush=True)
    _print([f"{num} trials, warm", "bare loop s", "lone s", "fused s", "fused x bare", "fused x lone"], rows, ".2f")
    costs = [["a trial beside its training, s", *overheads(base, num_rounds).values(), None]]
    for name, task in {"dense base": base, "mlp base": mlp}.items():
        costs.append([f"most memory of a process of {name}, MB", *memory(task).values()])
    _print(["", "lone", f"in a group of {_MEMBERS}", "at most"], costs, ".3g")
    _print(["", "any metric", "mean accuracy"], differences(base, num_seeds), ".2g")


def _print(headers: list[str], rows: Sequence[Sequence[object]], numbers: str) -> None:
    print(tabulate(rows, headers=headers, tablefmt="pipe", floatfmt=numbers), end="\n\n")


def times(task: Task, num_rounds: int, has_floor: bool) -> dict[str, float]:
    """Median seconds of the bare loop, of lone and of fused trials, each once a round."""
    sides: dict[str, Callable[[], float]] = {"bare loop": lambda: floor(task).warm_s} if has_floor else {}
    sides |= {"lone": lambda: study(task, LONE).warm_s, "fused": lambda: study(task, FUSED).warm_s}
    rounds = [{name: side() for name, side in sides.items()} for _ in range(num_rounds)]
    return {name: statistics.median(found[name] for found in rounds) for name in sides}


def overheads(task: Task, num_rounds: int) -> dict[str, float]:
    """Median seconds of a slot per trial that trains, validates and tests one batch: lone, and in groups of six."""
    sides = {"lone": (LONE,), "fused": (f"study.fuse={_MEMBERS}",)}
    rounds = [
        {name: study(task, "study.slots=1", *_ONE_BATCH, *extra).warm_s / task.num for name, extra in sides.items()}
        for _ in range(num_rounds)
    ]
    return {name: statistics.median(found[name] for found in rounds) for name in sides}


def differences(task: Task, num_seeds: int) -> list[tuple[str, float, float]]:
    """How much results differ: two numbers of threads of lone trials, and fused from lone trials of one thread.

    Returns:
        What was compared; the largest difference of any metric of any trial; the difference of the mean test accuracy.
    """
    found = []
    for seed in range(num_seeds):
        options = (f"seed={seed}", "study.slots=2")
        one, two = study(task, LONE, *options), study(task, LONE, f"seed={seed}", "study.slots=1")
        fused = study(task, FUSED, *options)
        found += [
            (f"seed {seed}: lone, 1 and 2 threads", *apart(one, two)),
            (f"seed {seed}: lone and fused", *apart(one, fused)),
        ]
    return found


def memory(task: Task) -> dict[str, float]:
    """Most memory of a trial's process, with what it shares with others, in MB: of a lone trial, and of a group of six.

    The third is what that group should have at most: a lone one's, and 1.2 times the parameters, gradients and the two
    moments of Adam of six trials.
    """
    peaks, num_parameters = {}, 0.0
    for name, extra in {"lone": (LONE,), "fused": (f"study.fuse={_MEMBERS}",)}.items():
        with _Peak() as peak:
            num_parameters = study(task, *extra).rows[0]["num_parameters"]
        peaks[name] = peak.mb
    return {**peaks, "most": peaks["lone"] + 1.2 * _MEMBERS * 4 * 4 * num_parameters / 1e6}


def apart(one: Run, other: Run) -> tuple[float, float]:
    """The largest difference of any metric of any trial, and the difference of the mean test accuracy."""
    names = [name for name in one.rows[0] if name.startswith(("train/", "val/", "test/"))]
    largest = max(abs(a[name] - b[name]) for a, b in zip(one.rows, other.rows, strict=True) for name in names)
    means = [statistics.mean(row["test/mean_acc"] for row in run.rows) for run in (one, other)]
    return largest, abs(means[0] - means[1])


def _numbers(row: dict[str, str]) -> dict[str, float]:
    found = {}
    for name, value in row.items():
        try:
            found[name] = float(value)
        except ValueError:
            continue
    return found


class _Peak:
    """Looks at the memory of all processes of trials that come from this one, again and again, from a thread.

    It takes time from them: what is timed is not watched.
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.is_set():
            for process in psutil.Process(os.getpid()).children(recursive=True):
                with suppress(psutil.Error):  # it may end at any moment
                    parent = process.parent()
                    if parent is not None and _is_of_server(process) and _is_of_server(parent):
                        self.mb = max(self.mb, _highest_mb(process.pid))
            time.sleep(_LOOK_S)


def _highest_mb(pid: int) -> float:
    """Most memory that a process has had so far, as the kernel keeps it; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _is_of_server(process: psutil.Process) -> bool:
    """Whether it is the fork server, or was forked by it."""
    return any("forkserver" in argument for argument in process.cmdline())


def task_of(model: str, num: int, data_dir: Path, size: str | None = None) -> Task:
    """The task that all measurements share: one epoch of MNIST with three heads, two at a time, tracked."""
    extra = ("study.slots=2", *((f"model.size={size}",) if size else ()))
    return Task(model=model, num=num, data_dir=data_dir, extra=extra)
