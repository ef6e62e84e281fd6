"""The process of a trial: runs the task function and sends how it ended."""

import contextlib
import functools
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
from sweeps.fusion import Fusion
from sweeps.guards import guard_logs, guard_terminal
from sweeps.outcome import named_numbers
from sweeps.own_keys import OwnKeys, own_keys
from sweeps.redact import learn_overrides, text
from sweeps.study.built import fusion_of
from sweeps.trial.announced import announce
from sweeps.trial.checkpoints import newest
from sweeps.trial.files import TrialFiles
from sweeps.trial.group import Seat
from sweeps.trial.handle import enter
from sweeps.trial.journal import Journal
from sweeps.trial.mirrored import mirrored
from sweeps.trial.ownership import set_aside
from sweeps.versions import trusted_by, trusting
from sweeps.worker.application import published
from sweeps.worker.at_exit import end_runs, finish, forget_inherited
from sweeps.worker.copies import hasten_hydra
from sweeps.worker.generators import give_random_numbers
from sweeps.worker.interpolations import parse_once
from sweeps.worker.isolation import Hold, isolate, redirect_output, take_directory
from sweeps.worker.job import Job
from sweeps.worker.last_word import report_of, tell_hooks
from sweeps.worker.memory import volunteer
from sweeps.worker.messages import LastWord, Waiting
from sweeps.worker.own_runs import bind
from sweeps.worker.own_stores import share_stores
from sweeps.worker.piped import PipedTrial
from sweeps.worker.system import measured
from sweeps.worker.written import guard_hydra_files, learn_secrets, record_attempt, record_used

_ELSEWHERE = (
    "starts again: what its earlier attempt has left is on another machine."
    " Workers that share study.directory, or study.checkpoints=URL, continue"
)
_TOGETHER = "Shares its process with {}: the first has in its log what they do together.\n"


def run_in_child(job: Job, connection: Connection) -> LastWord:
    """Entry of the process of one trial: run the task and send how it ended, which is returned, too."""
    trial = PipedTrial(connection, job.number, job.directory, job.attempt)
    enter(trial)
    return run_trial(job, trial, prepare)


def prepare() -> None:
    """Make this process one of trials."""
    isolate()
    forget_inherited()
    give_random_numbers()
    share_stores()
    redirect_output(None)  # until the trial has its log: nothing of it is for the terminal
    guard_terminal()
    guard_logs()
    guard_hydra_files()
    hasten_hydra()
    parse_once()
    volunteer()


def run_trial(job: Job, trial: PipedTrial, first: Callable[[], None], seat: Seat | None = None) -> LastWord:
    """Run the task of a trial and send how it ended, which is returned, too.

    Args:
        job: What to run.
        trial: The trial's handle.
        first: What is done before; an error of it is the trial's.
        seat: Its place among other trials of this process; None: it is alone.
    """
    began, files, holds = time.monotonic(), TrialFiles(job.directory), list[Hold]()

    def take() -> None:
        holds.append(take_directory(files, job.point, job.restarts, lambda reason: _tell(trial, reason)))
        redirect_output(files.log)

    def task() -> Any:
        first()
        return trial.unless_stopped(_work(job, trial, take, seat))

    try:
        word = report_of(job.number, task)
    finally:
        for hold in holds if seat is not None else ():  # before the worker may give the trial to somebody else
            hold.let_go()
    trial.send(replace(word, worked_s=time.monotonic() - began))
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    return word


def _work(job: Job, trial: PipedTrial, take: Callable[[], None], seat: Seat | None) -> Any:
    """Run the task in its directory, with all that belongs to a trial around it."""
    began_s, files = time.time(), TrialFiles(job.directory)
    is_new_here = not files.owner.exists()
    take()
    os.environ.update(job.environment)
    if job.tracking_uri:
        bind(files.upload_mark, job.tracking_uri, job.experiment, job.attempt)
    announce(job.overrides, job.directory, job.number, job.attempt)
    kept = mirrored(job.checkpoints, files, job.attempt, lambda reason: _tell(trial, reason))
    with kept, measured(job.directory, job.system_metrics):
        if job.attempt > 1 and is_new_here and newest(files.directory, began_s) is None:
            _tell(trial, _ELSEWHERE)
            sys.stdout.write(f"{_ELSEWHERE[0].upper()}{_ELSEWHERE[1:]}.\n")
        if job.others:
            sys.stdout.write(_TOGETHER.format(", ".join(map(str, job.others))))
        try:
            returned = _run_or_restart(job, files, take, seat)
        except Exception as error:
            tell_hooks(error, is_alone=seat is None)
            raise
        finally:
            end_runs()
            if seat is None:  # else when the last trial of the process has ended
                finish()
            record_used(files, job.root)
    if numbers := named_numbers(returned):
        Journal(job.directory).log_last(numbers)
    return returned


def _tell(trial: PipedTrial, reason: str) -> None:
    trial.send(Waiting(trial=trial.number, reason=reason))


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
    application = published()
    try:
        application.find_task()
    except Exception as error:
        why = f"{type(error).__name__}: {first_line(error)}"
        said = f"Error: The task {application.task.name} is not there in the process of a trial ({why}).\n"
        sys.stderr.write(text(said))
        raise SystemExit(2) from error


def _run_or_restart(job: Job, files: TrialFiles, take: Callable[[], None], seat: Seat | None) -> Any:
    """Run the task; once more from its beginning where it says, by an attribute of its error, that only that helps."""
    try:
        return _run_task(job, seat)
    except Exception as error:
        if not (job.may_restart and getattr(error, "needs_fresh_start", False)):
            raise
        why = str(error)
    moved = set_aside(files)
    take()
    sys.stdout.write(f"Starts afresh (study.retry_failed); what was there is in {moved}. {why}\n")
    return _run_task(job, seat)


def _run_task(job: Job, seat: Seat | None) -> Any:
    from hydra.core.utils import run_job

    application = published()
    config = _compose(job)
    record_attempt(TrialFiles(job.directory), job.attempt, config, job.origin, job.root)
    task = application.find_task()
    if seat is not None:
        task = _joining(task, fusion_of(job.fusion, trusted_by(application.hydra_context)), seat)
    result = run_job(
        hydra_context=application.hydra_context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return result.return_value


def _joining(task: Any, fusion: Fusion, seat: Seat) -> Callable[[Any], Any]:
    """The task, which learns first that its trial is not alone."""

    @functools.wraps(task, updated=())
    def joined(config: Any) -> Any:
        fusion.join(config, seat)
        return task(config)

    return joined


def _compose(job: Job) -> Any:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    learn_overrides(job.overrides)
    config = published().compose(job.overrides)
    ours = own_keys(config)
    learn_secrets(config, ours)
    with open_dict(config.hydra):
        config.hydra.job.id, config.hydra.job.num = str(job.number), job.number
        config.hydra.sweep.dir, config.hydra.sweep.subdir = str(job.directory.parent), job.directory.name
        config.hydra.job.config.override_dirname.exclude_keys.extend(_not_of_a_point(job.overrides, ours))
    HydraConfig.instance().set_config(config)
    return config


def _not_of_a_point(overrides: Sequence[str], ours: OwnKeys) -> list[str]:
    """Keys that do not belong into `hydra.job.override_dirname`, which tells the points of a sweep apart."""
    keys = [text.partition("=")[0].lstrip("+~") for text in overrides]
    return [key for key in keys if re.split(r"[./@]", key)[0] in (ours.study, ours.tracking)]
