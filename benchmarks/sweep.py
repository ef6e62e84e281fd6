"""The same trials by the bare loop, by the product and by its peers, in turn on one machine."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.floor import BATCH_SIZE, weights

_BIN = Path(sys.executable).parent
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One contender in one round.

    Attributes:
        total_s: From the command to its end, imports included.
        warm_s: From the start of the first trial to the end of the last.
        digit: Mean test accuracy of the first head.
    """

    total_s: float
    warm_s: float
    digit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`num` trials of one epoch of MNIST with three heads, each with another thickness weight."""

    model: str
    num: int
    data_dir: Path
    extra: tuple[str, ...] = ()


def floor(task: Task) -> Result:
    """The bare loop: one trial after the other, on all cores."""
    total_s, out = _timed([sys.executable, "-m", "benchmarks.floor", task.model, str(task.num), str(task.data_dir)])
    trials = [json.loads(line) for line in out.splitlines()]
    warm_s = sum(trial["seconds"] for trial in trials)
    return Result(total_s=total_s, warm_s=warm_s, digit=statistics.mean(trial["digit"] for trial in trials))


def ours(task: Task) -> Result:
    """The product's one line, with tracking and checkpoints, in a folder whose databases exist already."""
    with _folder(task) as folder:
        _train(folder, "data=multihead_digits", "trainer.limit_train_batches=1", "study.name=first", "seed=0,1")
        command = (f"model={task.model}", f"model.loss_weights.thickness={_list(task.num)}", "data=multihead_mnist")
        total_s = _train(folder, *command, f"data.batch_size={BATCH_SIZE}", "study.name=bench", *task.extra)
        table = subprocess.check_output([_BIN / "sweeps", "table", "bench", "--trials"], cwd=folder, text=True)
        rows = [line.split(",") for line in table.splitlines()]
        column = rows[0].index("test/digit_acc")
        digit = statistics.mean(float(row[column]) for row in rows[1:])
        return Result(
            total_s=total_s, warm_s=_warm_s(f"sqlite:///{folder}/logs/studies/studies.db", "bench"), digit=digit
        )


def stock(task: Task) -> Result:
    """Hydra's Optuna sweeper over the joblib launcher, torchvision's loader, Lightning's MLFlowLogger."""
    with _folder(task) as folder:
        # Two workers that create the experiment at once fail; the stock way has to have it beforehand.
        made = "import mlflow; mlflow.MlflowClient('sqlite:///mlflow.db').create_experiment('stock')"
        _timed([sys.executable, "-c", made], folder)
        app = [sys.executable, str(_HERE / "stock" / "app.py"), "-m", f"thickness=choice({_list(task.num)})"]
        command = [*app, f"model={task.model}", f"data_dir={task.data_dir}", f"hydra.sweeper.n_trials={task.num}"]
        total_s, _ = _timed(command, folder)
        digit = statistics.mean(float(line) for line in (folder / "digit.txt").read_text().splitlines())
        return Result(total_s=total_s, warm_s=_warm_s(f"sqlite:///{folder}/stock.db", "stock"), digit=digit)


def ray_tune(task: Task) -> Result:
    """Ray Tune around the bare loop: what its scheduling alone costs."""
    command = [sys.executable, "-m", "benchmarks.raytune", task.model, str(task.num), str(task.data_dir)]
    total_s, out = _timed(command)
    found = json.loads(out.splitlines()[-1])
    return Result(total_s=total_s, warm_s=found["warm_s"], digit=found["digit"])


def compare(contenders: dict[str, Callable[[], Result]], num_rounds: int) -> list[dict[str, object]]:
    """Run every contender once a round; medians, and ratios to the first one's `warm_s`."""
    rounds: dict[str, list[Result]] = {name: [] for name in contenders}
    for _ in range(num_rounds):
        for name, contender in contenders.items():
            rounds[name].append(contender())
            print(f"  {name}: {rounds[name][-1]}", file=sys.stderr, flush=True)
    first = next(iter(contenders))
    base = statistics.median(result.warm_s for result in rounds[first])
    rows: list[dict[str, object]] = []
    for name, results in rounds.items():
        warm_s, total_s = (statistics.median(getattr(r, field) for r in results) for field in ("warm_s", "total_s"))
        digit = statistics.mean(result.digit for result in results)
        row = {
            "": name,
            "warm s": warm_s,
            f"x {first}": warm_s / base,
            "total s": total_s,
            f"total x {first}": total_s / base,
        }
        rows.append({**row, "digit acc": digit})
    return rows


def _train(folder: Path, *arguments: str) -> float:
    return _timed([str(_BIN / "train"), "-m", "trainer.max_epochs=1", *arguments], folder)[0]


def _warm_s(url: str, study: str) -> float:
    import optuna

    trials = optuna.load_study(study_name=study, storage=url).trials
    first = min(trial.datetime_start for trial in trials if trial.datetime_start)
    last = max(trial.datetime_complete for trial in trials if trial.datetime_complete)
    return (last - first).total_seconds()


def _timed(command: list[str], folder: Path | None = None) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder or _HERE.parent, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stderr[-3000:]}")
    return time.perf_counter() - start, done.stdout


def _list(num: int) -> str:
    return ",".join(map(str, weights(num)))


class _folder:
    """A working directory of its own, with the data set where the product expects it."""

    def __init__(self, task: Task) -> None:
        os.environ["SWEEPS_DATA_DIR"] = str(task.data_dir)

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="sweeps-benchmark-"))
        return self._path

    def __exit__(self, *exc_info: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
