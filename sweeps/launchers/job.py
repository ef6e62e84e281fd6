"""The job that a launcher carries: it starts a worker as a child process and waits for it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.command import SOURCES_OF
from sweeps.granted import CORES, WORKERS_HERE
from sweeps.study.urls import absolute
from sweeps.worker.kinship import ENDS_WITH

LOG = "worker.log"
"""What a worker prints, in the directory of its job."""

PID = "worker.pid"
"""Process id of a worker, there too."""

_LOOK_S = 1.0

_HANDED_ON = ("SWEEPS_", "MLFLOW_", "AWS_", "HYDRA_", "HF_", "WANDB_", "PYTHONPATH", "OMP_NUM_THREADS")
"""Variables that a worker needs on a machine where nobody has set them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """A worker of a study; plain pickle takes it to wherever an engine runs it.

    The worker is a process of its own: it takes signals, and engines want those of their own process for themselves.

    Attributes:
        line: The line that joins the study; its Python is replaced by the one that runs the job.
        directory: Where the line was typed; the job's own directory is taken where that does not exist.
        environment: Variables of the worker, on top of those of the job.
        num_workers_here: How many such jobs share the machine; 0: nobody knows.
    """

    line: tuple[str, ...]
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)
    num_workers_here: int = 0

    def __call__(self, config: Any) -> int:
        """Hydra's task function: work until the study is finished; returns the worker's exit code."""
        from hydra.core.hydra_config import HydraConfig

        directory = Path(HydraConfig.get().runtime.output_dir)
        with (directory / LOG).open("ab") as log:
            worker = self.start(log)
            try:
                (directory / PID).write_text(str(worker.pid))
                return _outcome(worker)
            finally:  # the engine ends the job
                worker.terminate()
                worker.wait()

    def start(self, output: Any = None) -> "subprocess.Popen[bytes]":
        """Start the worker; SIGTERM has it hand back its trials, and so does the end of this process."""
        granted = {WORKERS_HERE: str(self.num_workers_here)} if self.num_workers_here else _granted()
        inherited = dict(os.environ)
        if CORES in granted:
            inherited.pop("OMP_NUM_THREADS", None)  # Ray's own, for a process that has all of its cores
        return subprocess.Popen(
            [sys.executable, *self.line[1:]],
            cwd=self.directory if Path(self.directory).is_dir() else None,
            env={**inherited, **self.environment, **granted, ENDS_WITH: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the command, which asks with SIGTERM
        )


def put_into_environment(storage: str, study: str) -> None:
    """Have every worker that this process starts find the storage, the study's files, and where its line was typed."""
    os.environ["SWEEPS_STORAGE"], os.environ[SOURCES_OF] = absolute(storage), study
    os.environ["SWEEPS_STORED_COMMAND"] = str(Path.cwd())


def handed_on() -> dict[str, str]:
    """What this process has in its environment that a worker elsewhere needs."""
    return {name: value for name, value in os.environ.items() if name.startswith(_HANDED_ON)}


def _outcome(worker: "subprocess.Popen[bytes]") -> int:
    """Wait for the worker's end, or for that of the engine: not every one ends the processes that it has started."""
    engine = os.getppid()
    while os.getppid() == engine:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return worker.wait(_LOOK_S)
    worker.terminate()
    worker.wait()
    os._exit(128 + signal.SIGTERM)  # nobody waits for the job's result


def _granted() -> dict[str, str]:
    """What an engine that has no variable for it has given to the job."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return {}
    cores = ray.get_runtime_context().get_assigned_resources().get("CPU")
    return {CORES: str(cores)} if cores else {}
