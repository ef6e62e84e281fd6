"""The process of a trial: runs the task function and sends how it ended."""

import contextlib
import io
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from sweeps.errors import first_line
from sweeps.guards import guard_logs, guard_terminal
from sweeps.outcome import Cause, named_numbers
from sweeps.own_keys import OwnKeys, own_keys
from sweeps.redact import learn_overrides, text
from sweeps.trial.checkpoints import newest
from sweeps.trial.disk import lack_in
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import TrialPruned, enter
from sweeps.trial.journal import Journal
from sweeps.trial.mirrored import mirrored
from sweeps.trial.ownership import set_aside
from sweeps.versions import trusted_by, trusting
from sweeps.worker.application import published
from sweeps.worker.copies import hasten_hydra
from sweeps.worker.isolation import isolate, redirect_output, take_directory
from sweeps.worker.job import Job
from sweeps.worker.memory import volunteer
from sweeps.worker.messages import GaveUp, LastWord, Raised, Returned, Waiting, encode
from sweeps.worker.own_runs import bind
from sweeps.worker.part import announce
from sweeps.worker.piped import PipedTrial
from sweeps.worker.returned import sendable
from sweeps.worker.system import measured
from sweeps.worker.written import guard_hydra_files, learn_secrets, record_attempt, record_device

_ELSEWHERE = (
    "starts again: what its earlier attempt has left is on another machine."
    " Workers that share study.directory, or study.checkpoints=URL, continue"
)


def run_in_child(job: Job, connection: Connection) -> None:
    """Entry of a trial's process: run the task and send how it ended."""
    began, began_s = time.monotonic(), time.time()
    files = TrialFiles(job.directory)
    trial = PipedTrial(connection, job.number, job.directory, job.attempt)
    enter(trial)

    def tell(reason: str) -> None:
        trial.send(Waiting(trial=job.number, reason=reason))

    def task() -> Any:
        isolate()
        redirect_output(None)  # until the trial has its log: nothing of it is for the terminal
        guard_terminal()
        guard_logs()
        guard_hydra_files()
        hasten_hydra()
        volunteer()
        is_new_here = not files.owner.exists()
        take_directory(files, job.point, job.restarts, tell)
        redirect_output(files.log)
        os.environ.update(job.environment)
        if job.tracking_uri:
            bind(files.upload_mark, job.tracking_uri, job.experiment)
        announce(job.overrides, job.directory, job.number)
        with mirrored(job.checkpoints, files, job.attempt, tell), measured(job.directory, job.system_metrics):
            if job.attempt > 1 and is_new_here and newest(files.directory, began_s) is None:
                tell(_ELSEWHERE)
                sys.stdout.write(f"{_ELSEWHERE[0].upper()}{_ELSEWHERE[1:]}.\n")
            returned = _run_or_restart(job, files, tell)
        record_device(files)
        if numbers := named_numbers(returned):
            Journal(job.directory).log_last(numbers)
        return returned

    word = report_of(job.number, task)
    trial.send(replace(word, worked_s=time.monotonic() - began))
    with contextlib.suppress(OSError):
        sys.stdout.flush()


def report_of(number: int, task: Callable[[], Any]) -> LastWord:
    """Run a task and say how it ended, whatever it returns or raises.

    Args:
        number: The trial's number.
        task: Returns whatever a task function may return.
    """
    try:
        word = Returned(trial=number, value=sendable(task()))
        encode(word)  # what cannot be sent is the task's error
        return word
    except TrialPruned:
        return GaveUp(trial=number)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise  # the exit code tells: 143 where SIGTERM has been taken
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{end.code}\n")
        return Raised(trial=number, cause="error", detail=_told(end))
    except Exception as error:
        if _is_pruning(error):
            return GaveUp(trial=number)
        detail = _told(error)
        if (lack := lack_in(error)) is not None and lack is not error:
            detail += f" ({lack})"
        with contextlib.suppress(OSError):  # the log may be on the disk that is full
            traceback.print_exc()
        return Raised(trial=number, cause=_cause(error), detail=detail)


def check_in_child(jobs: Sequence[Job], connection: Connection) -> None:
    """Entry of a process that lets the application refuse configurations before anything is created.

    The hook is `on_run_start` of a callback whose `checks_configurations` is true; no other callback learns of a run
    that is none. Sends the exit code that the hook has asked for (0 or None: it has not), and what it printed on
    stderr; where nothing was refused, only the warnings, each once.
    """
    isolate()
    redirect_output(None)
    output = sys.stderr = io.StringIO()
    code: Any = 0
    try:
        _find_task()
        context = published().hydra_context
        checks = [each for each in context.callbacks.callbacks if getattr(each, "checks_configurations", False)]
        for job in jobs:
            config = _compose(job)
            with trusting(trusted_by(context)):
                for callback in checks:
                    callback.on_run_start(config=config, config_name=config.hydra.job.config_name)
    except SystemExit as error:
        code = error.code
    except Exception:  # an error in the application's check is shown whole, and stops the sweep
        code = traceback.format_exc()
    lines = output.getvalue().splitlines(keepends=True)
    warnings = dict.fromkeys(line for line in lines if line.startswith("Warning: "))
    connection.send((code, "".join(lines if code else warnings)))


def _find_task() -> None:
    """Refuse a task that is not there in the process of a trial.

    Raises:
        SystemExit: 2, after one line.
    """
    task = published().task
    try:
        task.find()
    except Exception as error:
        why = f"{type(error).__name__}: {first_line(error)}"
        sys.stderr.write(text(f"Error: The task {task.name} is not there in the process of a trial ({why}).\n"))
        raise SystemExit(2) from error


def _run_or_restart(job: Job, files: TrialFiles, tell: Callable[[str], None]) -> Any:
    """Run the task; once more from its beginning where it says, by an attribute of its error, that only that helps."""
    try:
        return _run_task(job)
    except Exception as error:
        if not (job.may_restart and getattr(error, "needs_fresh_start", False)):
            raise
        why = str(error)
    moved = set_aside(files)
    take_directory(files, job.point, job.restarts, tell)
    redirect_output(files.log)
    sys.stdout.write(f"Starts afresh (study.retry_failed); what was there is in {moved}. {why}\n")
    return _run_task(job)


def _run_task(job: Job) -> Any:
    from hydra.core.utils import run_job

    application = published()
    config = _compose(job)
    record_attempt(TrialFiles(job.directory), job.attempt, config, job.origin)
    result = run_job(
        hydra_context=application.hydra_context,
        task_function=application.task.find(),
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return result.return_value


def _compose(job: Job) -> Any:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    learn_overrides(job.overrides)
    config = published().compose(job.overrides)
    ours = own_keys(config)
    learn_secrets(config, ours)
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = str(job.number), job.number
        config.hydra.sweep.dir, config.hydra.sweep.subdir = str(job.directory.parent), job.directory.name
        config.hydra.job.config.override_dirname.exclude_keys.extend(_not_of_a_point(job.overrides, ours))
    HydraConfig.instance().set_config(config)
    return config


def _not_of_a_point(overrides: Sequence[str], ours: OwnKeys) -> list[str]:
    """Keys that do not belong into `hydra.job.override_dirname`, which tells the points of a sweep apart."""
    keys = [text.partition("=")[0].lstrip("+~") for text in overrides]
    return [key for key in keys if re.split(r"[./@]", key)[0] in (ours.study, ours.tracking)]


def _told(error: BaseException) -> str:
    """Kind and text of an error, on however many lines; an error of one's own may have no text that can be had."""
    try:
        said = str(error).strip()
    except Exception:
        said = "a message that cannot be printed"
    return text(f"{type(error).__name__}: {said or 'no message'}")


def _is_pruning(error: BaseException) -> bool:
    """Whether it is Optuna's own word for it; a task that raises that has imported it."""
    exceptions = sys.modules.get("optuna.exceptions")
    return exceptions is not None and isinstance(error, exceptions.TrialPruned)


def _cause(error: BaseException) -> Cause:
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "out_of_memory"
    if lack_in(error) is not None:
        return "disk"
    if isinstance(error, FloatingPointError):
        return "nonfinite"
    if isinstance(error, OSError) or "DataLoader worker" in _told(error):
        return "input_output"
    return "error"
