"""What a launcher cannot do is refused before there is a study."""

import multiprocessing
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from omegaconf import OmegaConf

from sweeps.errors import StudyError
from sweeps.launchers import check_launcher, launcher_of
from sweeps.launchers.carried import _Batch, launch
from sweeps.launchers.job import PID, WorkerJob
from sweeps.settings import StudySettings
from sweeps.spelling import PACKAGES
from tests.conftest import REPOSITORY
from trainer_pkg.models import register_models
from trainer_pkg.trusted import WHITELIST

POSTGRES = "postgresql://u@h/d"
FORK = multiprocessing.get_context("fork")


def refused(choice: str, storage: str = "sqlite:///s.db", **launcher: object) -> str | None:
    """What is said of a launcher; None: nothing."""
    config = OmegaConf.create({"hydra": {"launcher": launcher}})
    try:
        check_launcher(choice, StudySettings(storage=storage), config)
    except StudyError as error:
        return str(error)
    return None


@pytest.mark.parametrize("choice", PACKAGES)
def test_every_launcher_of_hydras_is_carried(choice: str) -> None:
    assert launcher_of(choice) is launch and refused(choice, POSTGRES) is None


@pytest.mark.parametrize(
    ("choice", "launcher"),
    [("joblib", {}), ("submitit_local", {}), ("ray", {"ray": {"init": {"address": None}}}), ("rq", {})],
)
def test_a_file_serves_the_workers_of_one_machine(choice: str, launcher: dict[str, object]) -> None:
    assert refused(choice, **launcher) is None


@pytest.mark.parametrize(
    ("choice", "launcher"),
    [
        ("submitit_slurm", {}),
        ("ray", {"ray": {"init": {"address": "auto"}}}),
        ("rq", {"redis": {"host": "queue.example"}}),
        ("of_somebody_else", {}),
    ],
)
def test_a_file_is_no_database_for_workers_elsewhere(choice: str, launcher: dict[str, object]) -> None:
    told = refused(choice, **launcher)
    assert told is not None and told.startswith(f"hydra/launcher={choice} may start workers on other machines")
    assert "study.storage=postgresql://USER@HOST/DATABASE" in told and "\n" not in told


def test_no_worker_is_no_batch() -> None:
    with pytest.raises(StudyError, match=r"study\.num_workers=0 must be a whole number of at least 1"):
        check_launcher("joblib", StudySettings(num_workers=0), OmegaConf.create({}))


LINES = re.findall(r"```sh ?\w*\n(train .*)\n```", (REPOSITORY / "docs" / "clusters.md").read_text())


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.partition("hydra/launcher=")[2].split()[0:1])
def test_a_line_of_the_page_composes(line: str) -> None:
    if "submitit" in line:
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra `slurm` is not installed")
    register_models()
    words = [word.partition(",")[0] for word in shlex.split(line)[1:] if word != "-m"]
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(WHITELIST):
        composed = compose("train", overrides=words, return_hydra_config=True)
    launcher = composed.hydra.runtime.choices["hydra/launcher"]
    assert (launcher == "basic") == composed.study.submit
    assert len(LINES) == 4 and composed.study.num_workers in (1, 2, 8)


def test_workers_need_somebody_who_brings_them() -> None:
    with pytest.raises(StudyError, match=r"study\.num_workers=2 needs a launcher .* study\.slots=N"):
        check_launcher("basic", StudySettings(num_workers=2), OmegaConf.create({}))


CODE = """
import os, signal, sys, time
from sweeps.worker.kinship import end_with_job
signal.signal(signal.SIGTERM, lambda *_: (print("handed back", flush=True), sys.exit(143)))
end_with_job()
print(os.environ["SWEEPS_WORKERS_HERE"], os.environ["MINE"], os.getcwd(), "SWEEPS_ENDS_WITH" in os.environ, flush=True)
time.sleep(60)
"""
JOB = """
import sys, time
from sweeps.launchers.job import WorkerJob
line = ("python", "-c", sys.argv[1])
job = WorkerJob(line=line, directory=sys.argv[2], environment={"MINE": "1"}, num_workers_here=3)
job.start(open(sys.argv[3], "ab"))
time.sleep(60)
"""


def test_a_worker_hands_back_when_its_job_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    job = subprocess.Popen([sys.executable, "-c", JOB, CODE, str(tmp_path), str(log)])
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert log.read_text() == f"3 1 {tmp_path} False\n"
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    while "handed back" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert log.read_text().endswith("handed back\n")


def test_a_directory_that_another_machine_has_not_is_no_obstacle() -> None:
    job = WorkerJob(line=("python", "-c", "import os; os._exit(7)"), directory="/nowhere")
    assert job.start().wait() == 7


def fork_and_end(ended: list[int | None]) -> None:
    """Fork ten processes and end each at once; their exit codes."""
    for _ in range(10):
        forked = FORK.Process(target=time.sleep, args=(30,))
        forked.start()
        os.kill(forked.pid or 0, signal.SIGTERM)
        forked.join(10)
        ended.append(forked.exitcode)


def test_a_process_that_a_launcher_forks_ends_alone_by_a_signal_however_early(tmp_path: Path) -> None:
    """It inherits the handlers of the command, which end all workers first; and a signal may come before it runs."""
    directory = tmp_path / "launched"
    (directory / "0").mkdir(parents=True)
    job = WorkerJob(line=(), directory="")
    batch = _Batch(config=OmegaConf.create(), directory=directory, choice="joblib", job=job)
    pause_s: list[float] = []
    os.register_at_fork(after_in_child=lambda: time.sleep(sum(pause_s)))
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (directory / "0" / PID).write_text(str(worker.pid))
        with batch.stopped_first(5.0):
            ended: list[int | None] = []
            fork_and_end(ended)
            pool = threading.Thread(target=fork_and_end, args=(ended,))  # a pool forks from a thread, too
            pool.start()
            pool.join()
            # 1: by the handler, before multiprocessing has begun to look after the process
            assert len(ended) == 20 and set(ended) <= {128 + signal.SIGTERM, -signal.SIGTERM, 1}
            pause_s.append(0.5)  # in a hook behind ours, which drops what a handler raises
            forked = FORK.Process(target=time.sleep, args=(30,))
            forked.start()
            time.sleep(0.2)
            forked.terminate()
            forked.join(10)
            assert forked.exitcode == -signal.SIGTERM
            pause_s.clear()
            here, there = FORK.Pipe()
            forked = FORK.Process(target=lambda: (there.send("runs"), time.sleep(30)))
            forked.start()
            assert here.recv() == "runs"
            forked.terminate()
            forked.join(10)
            assert forked.exitcode == 128 + signal.SIGTERM and worker.poll() is None
            with pytest.raises(SystemExit):
                os.kill(os.getpid(), signal.SIGTERM)
            assert not psutil.pid_exists(worker.pid)
    finally:
        signal.signal(signal.SIGTERM, before)
        worker.kill()
        worker.wait()
