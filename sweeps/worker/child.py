"""The process of a trial: forked from the server, cut off from the worker's terminal, ended with the worker."""

import contextlib
import ctypes
import fcntl
import importlib
import inspect
import io
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sweeps.identity import machine
from sweeps.space import OPERATIONAL
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import StudyTrial, TrialPruned, enter
from sweeps.trial.journal import Journal
from sweeps.worker.application import published
from sweeps.worker.memory import volunteer

_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a trial's process needs to know.

    Attributes:
        overrides: The point's overrides, and those that say how the study runs.
        directory: The trial's own directory.
        number: The trial's number.
        attempt: 1 for the first execution.
        environment: Variables of this process, such as the visible device.
    """

    overrides: tuple[str, ...]
    directory: Path
    number: int
    attempt: int
    environment: Mapping[str, str]


def run_in_child(job: Job, connection: Connection) -> None:
    """Entry of a trial's process: run the task and send how it ended."""
    _isolate(job.directory)
    volunteer()
    _take_directory(job.directory)
    os.environ.update(job.environment)
    trial = StudyTrial(connection, job.number)
    trial.send("started", os.getpid())
    enter(trial)
    try:
        trial.send("returned", _run_task(job))
    except TrialPruned:
        trial.send("pruned", None)
    except Exception as error:
        traceback.print_exc()
        trial.send("raised", (_cause(error), f"{type(error).__name__}: {str(error).strip() or 'no message'}"))
    sys.stdout.flush()


def check_in_child(jobs: Sequence[Job], connection: Connection) -> None:
    """Entry of a process that lets the application refuse configurations before anything is created.

    Hydra's own hook for that is `on_run_start`. Sends the exit code asked for, 0 or None being none, and what was
    printed on stderr; where nothing was refused, the warnings alone, each once.
    """
    from hydra.utils import execution_whitelist

    _isolate(None)
    output = sys.stderr = io.StringIO()
    code: Any = 0
    try:
        context = published().hydra_context
        for job in jobs:
            config = _compose(job)
            with execution_whitelist(context.execution_whitelist):
                context.callbacks.on_run_start(config=config, config_name=config.hydra.job.config_name)
    except SystemExit as error:
        code = error.code
    except Exception:  # an error in the application's check is shown whole, and stops the sweep
        code = traceback.format_exc()
    lines = output.getvalue().splitlines(keepends=True)
    warnings = dict.fromkeys(line for line in lines if line.startswith("Warning: "))
    connection.send((code, "".join(lines if code else warnings)))


def _isolate(directory: Path | None) -> None:
    os.setsid()  # its own process group: what the trial starts can be ended with it
    _leave_fork_server()
    # Else a data loader of the trial would start a fork server of its own, which imports everything again.
    multiprocessing.set_start_method(None, force=True)
    if sys.platform == "linux":
        # The fork server ends when its worker ends, and with it every trial: no process of a killed sweep lives on.
        ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then asks with SIGTERM
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if directory is None:
        target = os.open(os.devnull, os.O_WRONLY)
    else:
        directory.mkdir(parents=True, exist_ok=True)
        target = os.open(TrialFiles(directory).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(target, stream)
    os.close(target)


def _take_directory(directory: Path) -> None:
    """Hold the trial's directory for as long as this process, or any that it starts, lives.

    An earlier attempt may still run there: its worker was stopped or cut off from the database and has lost the trial.
    On this machine it is ended, on another one it is waited for.
    """
    lock = os.open(TrialFiles(directory).lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        where, _, group = os.pread(lock, 100, 0).decode().partition(":")
        if where == machine():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{machine()}:{os.getpid()}".encode(), 0)


def _leave_fork_server() -> None:
    """Close the inherited end of the pipe that keeps the fork server running.

    Every child gets it so that it could fork from the same server; with it the server would outlive a killed worker
    for as long as a trial runs. A trial that uses a fork server gets one of its own.
    """
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if server._forkserver_alive_fd is not None:
        os.close(server._forkserver_alive_fd)
    server._forkserver_alive_fd = server._forkserver_address = server._forkserver_pid = None


def _run_task(job: Job) -> Any:
    from hydra.core.utils import run_job

    application = published()
    config = _compose(job)
    _record_attempt(job, config)
    result = run_job(
        hydra_context=application.hydra_context,
        task_function=find_task(application.task),
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return _plain(result.return_value)


def _record_attempt(job: Job, config: Any) -> None:
    """Keep the resolved configuration, less what says how the study runs, and note the attempt in the journal."""
    from omegaconf import OmegaConf

    job.directory.mkdir(parents=True, exist_ok=True)
    nodes = {str(key): config[key] for key in config if key not in OPERATIONAL}
    own = {key: OmegaConf.to_container(n, resolve=True) if OmegaConf.is_config(n) else n for key, n in nodes.items()}
    TrialFiles(job.directory).config.write_text(OmegaConf.to_yaml(OmegaConf.create(own)))
    choices = {str(group): choice for group, choice in config.hydra.runtime.choices.items() if choice is not None}
    Journal(job.directory).event("attempt", attempt=job.attempt, pid=os.getpid(), choices=choices)


def _compose(job: Job) -> Any:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    config = published().compose(job.overrides)
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = str(job.number), job.number
        config.hydra.sweep.dir = str(job.directory.parent)
        config.hydra.sweep.subdir = job.directory.name
    HydraConfig.instance().set_config(config)
    return config


def task_name(function: Any) -> str:
    """`module:function`, from which another process finds the task again."""
    module = function.__module__
    if module == "__main__" and (spec := getattr(sys.modules["__main__"], "__spec__", None)) is not None:
        module = spec.name  # started by `python -m`
    return f"{module}:{function.__qualname__}"


def find_task(name: str) -> Any:
    """The undecorated task function of that name."""
    module_name, _, qualname = name.partition(":")
    # A script that was started by its path is imported under this name by multiprocessing.
    module = sys.modules.get("__mp_main__") if module_name == "__main__" else importlib.import_module(module_name)
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part)
    return inspect.unwrap(found)


def _cause(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "out_of_memory"
    if isinstance(error, OSError) or "DataLoader worker" in str(error):
        return "input_output"
    return "error"


def _plain(value: Any) -> Any:
    """What survives a pipe: numbers, also those in arrays and tensors, and text for the rest."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return repr(value)
