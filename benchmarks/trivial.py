"""What the engine itself costs: trials that compute nothing, beside processes that do nothing."""

import multiprocessing
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

_APP = """
import hydra


@hydra.main(config_path="conf", config_name="config")
def main(cfg):
    return float(cfg.x) ** 2


if __name__ == "__main__":
    main()
"""
_CONFIG = """
defaults: [{net: small}, {study: sweeps}, {tracking: sweeps}, _self_, {override hydra/sweeper: sweeps}]
x: 1.0
study: {report: false}
tracking: {uri: null}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a trial costs.

    Attributes:
        per_s: Trials per second, from the first claim to the last result.
        cpu_ms: Processor time of a trial, in all processes.
    """

    per_s: float
    cpu_ms: float


def ours(num: int, slots: int, isolation: str = "process") -> Cost:
    """Trials of a study in a SQLite file; the command's start and end are taken out by a second, short study."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf" / "net").mkdir(parents=True)
        (folder / "app.py").write_text(_APP)
        (folder / "conf" / "config.yaml").write_text(_CONFIG)
        (folder / "conf" / "net" / "small.yaml").write_text("width: 1\n")
        few = 2 * slots
        cpu_s = {count: _cpu_s(folder, count, slots, isolation) for count in (few, num)}
        connection = sqlite3.connect(folder / "logs" / "studies" / "studies.db")
        spans = connection.execute("SELECT min(at), max(at), count(*) FROM sweeps_events GROUP BY study_key ORDER BY 3")
        began, ended, _ = list(spans)[-1]
        connection.close()
    return Cost(per_s=num / (ended - began), cpu_ms=1000 * (cpu_s[num] - cpu_s[few]) / (num - few))


def bare(num: int, slots: int) -> float:
    """Processes per second of the standard library's fork server that end at once, as many at a time."""
    context = multiprocessing.get_context("forkserver")
    _run(context, slots, slots)  # the server has started
    began = time.perf_counter()
    _run(context, num, slots)
    return num / (time.perf_counter() - began)


def _run(context: multiprocessing.context.ForkServerContext, num: int, slots: int) -> None:
    running: list[multiprocessing.process.BaseProcess] = []
    for _ in range(num):
        while len(running) == slots:
            wait([process.sentinel for process in running])
            running = [process for process in running if process.exitcode is None]
        running.append(context.Process(target=os.getpid))
        running[-1].start()
    for process in running:
        process.join()


def _cpu_s(folder: Path, num: int, slots: int, isolation: str) -> float:
    before = _used_s()
    line = ["-m", f"x=range({num})", f"study.name=of-{num}", f"study.slots={slots}", f"study.isolation={isolation}"]
    subprocess.run([sys.executable, "app.py", *line], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return _used_s() - before


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
