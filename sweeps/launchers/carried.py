"""Workers on an engine that a launcher of Hydra's knows: each job of its batch is a worker, not a trial."""

import copy
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from sweeps.command import again
from sweeps.errors import StudyError, SweepsError
from sweeps.launchers.forks import end_if_new, signals_kept_in_forks
from sweeps.launchers.job import LOG, PID, WorkerJob, handed_on, put_into_environment
from sweeps.launchers.watched import Watched
from sweeps.study.study import Study
from sweeps.study.urls import check_url
from sweeps.trial.ownership import study_files
from sweeps.worker.order import WorkOrder

_ON_THIS_MACHINE = ("joblib", "submitit_local")
_WITHOUT_THE_ENVIRONMENT = ("ray", "rq")
"""Launchers whose jobs do not inherit the environment of the command."""

_MARGIN_S = 5.0
"""What a worker needs to end, once its trials have."""

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check(choice: str, storage: str, config: DictConfig) -> None:
    """Refuse a database that is a file of this machine where jobs may run on others.

    Args:
        choice: What `hydra/launcher` says.
        storage: URL of the study's storage.
        config: The command's configuration.

    Raises:
        StudyError: With what to use instead.
    """
    if check_url(storage).get_backend_name() == "sqlite" and _is_elsewhere(choice, config):
        raise StudyError(
            f"hydra/launcher={choice} may start workers on other machines, and a SQLite file is no database for those."
            " Set study.storage=postgresql://USER@HOST/DATABASE, or SWEEPS_STORAGE."
        )


def _is_elsewhere(choice: str, config: DictConfig) -> bool:
    match choice:
        case "ray":
            return OmegaConf.select(config, "hydra.launcher.ray.init.address") is not None
        case "rq":
            return OmegaConf.select(config, "hydra.launcher.redis.host") not in (None, *_LOOPBACK)
    return choice not in _ON_THIS_MACHINE


def launch(order: WorkOrder, num_workers: int) -> list[int]:
    """Let the chosen launcher carry the workers, and show the study until they have ended."""
    watched = Watched.of(order)
    put_into_environment(order.storage, order.study)
    batch = _Batch.of(order, watched.study, num_workers)
    with watched:
        watched.say(f"{num_workers} workers by hydra/launcher={batch.choice}; what they print is in {batch.directory}.")
        try:
            with batch.stopped_first(order.settings.stop_grace_s):
                codes = batch.run(order.application.hydra_context, num_workers)
        except Exception as error:  # of any engine: a job was cancelled or its node died, and others may go on
            if not batch.logs():
                raise SweepsError(f"{batch.choice} has brought no worker: {type(error).__name__}: {error}") from error
            watched.outlast(error)
            codes = []
    return [watched.end(codes, batch.last_line)]


class _HydraOnly:
    """Gives each job what Hydra itself needs; the worker composes the application's configuration, as any worker."""

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        config = copy.deepcopy(master_config)
        OmegaConf.set_readonly(config.hydra, False)  # the launcher numbers its jobs
        config.hydra.overrides.task = list(sweep_overrides)
        return config


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The jobs of one command.

    Attributes:
        config: The command's configuration, with a directory of their own for the jobs.
        directory: That directory.
        choice: Name of the launcher.
        job: What each of them runs.
    """

    config: DictConfig
    directory: Path
    choice: str
    job: WorkerJob

    @classmethod
    def of(cls, order: WorkOrder, study: Study, num_workers: int) -> "_Batch":
        files = study_files(order.settings.directory, order.study, order.key, study.facts.get("directory"))
        directory = files.launched / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        config = order.application.config
        choice = config.hydra.runtime.choices["hydra/launcher"]
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.sweep.dir, config.hydra.sweep.subdir = str(directory), "${hydra.job.num}"
            config.hydra.output_subdir = None  # the configuration of a worker says nothing, and may hold secrets
            config.hydra.callbacks = {}
        slots = order.settings.slots
        job = WorkerJob(
            line=tuple(again(order.study, study.facts, None if slots == "auto" else slots)),
            directory=study.facts["command"]["directory"],
            environment=handed_on() if choice in _WITHOUT_THE_ENVIRONMENT else {},
            num_workers_here=num_workers if choice in _ON_THIS_MACHINE else 0,
        )
        return cls(config=config, directory=directory, choice=choice, job=job)

    def run(self, context: Any, num_workers: int) -> list[int]:
        """Let the launcher run them, and wait; returns their exit codes."""
        from hydra._internal.callbacks import Callbacks

        context = replace(context, config_loader=_HydraOnly(), callbacks=Callbacks())
        launcher = Plugins.instance().instantiate_launcher(context, self.job, self.config)
        return [int(job.return_value) for job in launcher.launch([[] for _ in range(num_workers)], 0)]

    @contextmanager
    def stopped_first(self, grace_s: float) -> Iterator[None]:
        """On a signal, end the workers of this machine before the launcher learns of it, which would kill them.

        Processes that the launcher forks meanwhile inherit the handler, and end by it alone.
        """
        command = os.getpid()

        def stop_first(number: int, frame: FrameType | None) -> None:
            if os.getpid() == command:
                self._stop(grace_s)
            else:
                end_if_new(number)
            handler = previous[number]
            if callable(handler):
                handler(number, frame)

        previous: dict[int, Any] = {int(number): signal.getsignal(number) for number in _INTERRUPTIONS}
        caught = [number for number, handler in previous.items() if callable(handler)]
        for number in caught:
            signal.signal(number, stop_first)
        try:
            with signals_kept_in_forks(caught):
                yield
        finally:
            for number in caught:
                signal.signal(number, previous[number])

    def _stop(self, grace_s: float) -> None:
        if self.choice not in _ON_THIS_MACHINE:
            sys.stderr.write(f"The workers go on, where hydra/launcher={self.choice} has put them.\n")
            return
        workers = [int(path.read_text() or 0) for path in self.directory.glob(f"*/{PID}")]
        found = [psutil.Process(pid) for pid in workers if pid and psutil.pid_exists(pid)]
        for worker in found:
            with suppress(psutil.NoSuchProcess):
                worker.terminate()
        psutil.wait_procs(found, timeout=grace_s + _MARGIN_S)

    def logs(self) -> list[Path]:
        """What the workers print that have started so far."""
        return sorted(self.directory.glob(f"*/{LOG}"))

    def last_line(self) -> str:
        """The last thing that a worker which ended badly has printed."""
        lines = [line for log in self.logs() for line in log.read_text(errors="replace").splitlines()[-1:]]
        return lines[0] if lines else f"nothing in {self.directory}"
