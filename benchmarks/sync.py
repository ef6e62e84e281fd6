"""How long `sync` and `doctor` take on a large study: a server of MLflow's that is wiped, and one that has all."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from sweeps.doctor import examine
from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.requeue import Ended
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal

NUM_POINTS = 191
_METRICS = [f"{stage}/{name}" for stage in ("train", "val") for name in ("loss", "acc", "a_acc", "b_acc")] + ["epoch"]
_CONFIG = "seed: 7\nw: {w}\n" + "".join(f"group_{i}:\n  value: {i}\n  name: option number {i}\n" for i in range(60))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what was done, wall time, time of the processor here and in the server, points sent.

    On a machine that is shared the processor's time says more.
    """

    what: str
    wall_s: float
    here_s: float
    server_s: float
    num_points: int

    @property
    def points_per_s(self) -> float:
        return self.num_points / self.wall_s


def measure(folder: Path, num: int) -> list[Row]:
    """Send a large study to an empty server, again, and from another machine to a server that was wiped."""
    study = large_study(folder, num)
    files = StudyFiles(folder / "trials-of-this-machine")
    rows = []
    with server(folder / "server") as uri:
        rows += [_timed(f"sync {num} trials to an empty server", num, partial(_sent, study, files, uri))]
        rows += [_timed("sync again", 0, partial(_sent, study, files, uri))]
        rows += [_timed("doctor", 0, partial(_examined, study, files, uri))]
    with server(folder / "wiped") as uri:
        shutil.rmtree(files.directory)
        rows += [_timed("sync from another machine to a wiped server", num, partial(_sent, study, files, uri))]
        rows += [_timed("doctor there", 0, partial(_examined, study, files, uri))]
    return rows


def large_study(folder: Path, num: int) -> Study:
    """Completed trials of 191 points each, as workers leave them."""
    facts = {"objective": ["val/acc"], "directory": str(folder / "trials-of-this-machine")}
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), "large", ["maximize"], facts)
    study.add(Point(overrides={"w": f"{i / num}", "model": "dense"}, varied=("w", "model")) for i in range(num))
    files = StudyFiles(Path(facts["directory"]))  # type: ignore[arg-type]
    while (claim := study.claim("benchmark", None)) is not None:
        own = files.trial(claim.number)
        journal = Journal(own.directory)
        journal.event("attempt", attempt=claim.attempt, seed_key="seed", seed=7, choices={"model": "dense"})
        steps = NUM_POINTS // len(_METRICS)
        for step in range(steps):
            journal.log(dict.fromkeys(_METRICS, claim.number + 1 / (2 + step)), 10 * step)
        journal.log({f"test/{i}": 0.5 for i in range(NUM_POINTS - steps * len(_METRICS))}, 10 * steps)
        own.config.write_text(_CONFIG.format(w=claim.point.overrides["w"]))
        outcome = Completed(values=(claim.number + 1 / (1 + steps),), duration_s=1.0)
        study.settle(claim, Ended(outcome=outcome), 1.0, 0, own)
    study.reconcile()
    return study


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A new MLflow server of one process, over SQLite."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    silent = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env={**os.environ, **quiet}, stdout=silent, stderr=silent, start_new_session=True
    )
    try:
        uri = f"http://127.0.0.1:{port}"
        while not _answers(uri):
            time.sleep(0.2)
        yield uri
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _timed(what: str, num: int, work: Callable[[], int]) -> Row:
    wall, here, there = time.perf_counter(), time.process_time(), _of_children()
    done = work()
    row = Row(
        what,
        time.perf_counter() - wall,
        time.process_time() - here,
        _of_children() - there,
        num * NUM_POINTS,
    )
    assert done == num, f"{what}: {done} instead of {num}"
    return row


def _sent(study: Study, files: StudyFiles, uri: str) -> int:
    return len(sync(study, connect(study, uri, "sweeps"), files, print))


def _examined(study: Study, files: StudyFiles, uri: str) -> int:
    return len(examine(study, files, lambda: connect(study, uri, "sweeps")))


def _of_children() -> float:
    """Seconds of the processor that the server has taken."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return float(sum(time.user + time.system for time in times))
