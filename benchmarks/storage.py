"""What a study of 10,000 points costs beside one of 100, on SQLite and PostgreSQL."""

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study

_NUM_CLAIMS = 100


def measure(url: str, small: int = 100, large: int = 10_000) -> dict[str, float]:
    """Seconds to seed the large study, and the median milliseconds of a claim in each, taken in turn."""
    database = Database(url)
    studies = {num: _new(database, f"claims-{num}") for num in (small, large)}
    seconds = {num: _seed(study, num) for num, study in studies.items()}
    claims_ms: dict[int, list[float]] = {num: [] for num in studies}
    for _ in range(_NUM_CLAIMS):
        for num, study in studies.items():
            start = time.perf_counter()
            claim = study.claim("benchmark", None)
            claims_ms[num].append(1000 * (time.perf_counter() - start))
            assert claim is not None
    small_ms, large_ms = (statistics.median(claims_ms[num]) for num in (small, large))
    return {"seed_s": seconds[large], "small_ms": small_ms, "large_ms": large_ms, "ratio": large_ms / small_ms}


def table_s(folder: Path, num: int = 10_000) -> float:
    """Seconds of `sweeps table` over `num` completed trials of 20 metrics each."""
    url = f"sqlite:///{folder}/table.db"
    study = _new(Database(url), "table")
    _seed(study, num)
    for i in range(num):
        claim = study.claim("benchmark", None)
        assert claim is not None
        metrics = {f"test/head{k}_acc": 0.9 + 1e-6 * (i + k) for k in range(20)}
        study.tell(claim, Completed(values=(0.9,), metrics=metrics, duration_s=1.0))
    start = time.perf_counter()
    program = Path(sys.executable).parent / "sweeps"
    subprocess.run([program, "table", "table", "--storage", url], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def results_per_s(url: str, num_processes: int, num: int) -> float:
    """Claims with their results per second, by so many processes together."""
    study = _new(Database(url), f"results-{num_processes}")
    _seed(study, num)
    with multiprocessing.get_context("spawn").Pool(num_processes, _opened, (url, study.name)) as pool:
        pool.map(_ready, range(num_processes), chunksize=1)
        began = time.perf_counter()
        done = pool.map(_work, range(num_processes), chunksize=1)
        seconds = time.perf_counter() - began
    assert sum(done) == num and study.is_finished()
    return num / seconds


def _opened(url: str, name: str) -> None:
    global _study
    _study = Study(Database(url), name)


def _ready(_: int) -> None:
    time.sleep(1.0)  # so that each process gets one


def _work(_: int) -> int:
    num_done = 0
    while (claim := _study.claim(f"benchmark-{os.getpid()}", None)) is not None:
        num_done += _study.tell(claim, Completed(values=(0.9,), metrics={"test/acc": 0.9}, duration_s=1.0))
    return num_done


_study: Study
"""The one of this process."""


def _new(database: Database, name: str) -> Study:
    return Study.create(database, name, ["maximize"], {"objective": ["val/acc"], "directory": "nowhere"})


def _seed(study: Study, num: int) -> float:
    points = [Point(overrides={"lr": f"{i / 1000}", "model": "dense"}, varied=("lr",)) for i in range(num)]
    start = time.perf_counter()
    study.add(points)
    return time.perf_counter() - start
