"""The process of several trials: each runs its own task there, with its own directory, log and outcome."""

import functools
import gc
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from sweeps.trial.files import TrialFiles
from sweeps.trial.group import Group, Seat
from sweeps.trial.handle import enter
from sweeps.worker.at_exit import finish
from sweeps.worker.child import prepare, run_trial
from sweeps.worker.generators import give_random_numbers
from sweeps.worker.isolation import redirect_output
from sweeps.worker.job import Job
from sweeps.worker.own_runs import Held
from sweeps.worker.piped import Inbox, PipedTrial


def run_group_in_child(jobs: Sequence[Job], connection: Connection) -> None:
    """Entry of the process of several trials: run their tasks, and send how each ended.

    A task that ends the process, as with SIGTERM, ends its trial; the process ends like the first of these once all
    have ended. Where what the trials do together fails, the process does at once.
    """
    prepare()
    group, inbox, ends, first = Group(), Inbox(connection), list[Any](), _State.here()
    for job in jobs:
        trial = PipedTrial(connection, job.number, job.directory, job.attempt, inbox)
        others = tuple(other.number for other in jobs if other is not job)
        group.add(functools.partial(_run, replace(job, others=others), trial, ends, first), trial)
    try:
        group.run()
    finally:
        finish()
    if ends:
        raise SystemExit(ends[0])


def _run(job: Job, trial: PipedTrial, ends: list[Any], first: "_State", seat: Seat) -> None:
    """The whole life of one trial, which finds the process as the first one has found it."""
    log = TrialFiles(job.directory).log
    seat.keep(_State.here, functools.partial(_State.restore, trial=trial, log=log))
    first.restore(trial, log)
    give_random_numbers()
    redirect_output(None)  # until it has a log of its own
    try:
        run_trial(job, trial, lambda: None, seat)
    except SystemExit as end:
        ends.append(end.code)


class _State(NamedTuple):
    """What Hydra and a task change of their process."""

    hydra: Any
    folder: str
    variables: dict[str, str]
    handlers: list[logging.Handler]
    level: int
    collections: tuple[int, int, int]
    runs: Held

    @classmethod
    def here(cls) -> "_State":
        from hydra.core.hydra_config import HydraConfig

        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        root = logging.getLogger()
        return cls(
            hydra=HydraConfig.instance().cfg,
            folder=str(Path.cwd()),
            variables=dict(os.environ),
            handlers=list(root.handlers),
            level=root.level,
            collections=gc.get_threshold(),
            runs=Held.here(),
        )

    def restore(self, trial: PipedTrial, log: Path) -> None:
        from hydra.core.hydra_config import HydraConfig

        enter(trial)
        HydraConfig.instance().cfg = self.hydra
        os.chdir(self.folder)
        for name in os.environ.keys() - self.variables.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in self.variables.items() if os.environ.get(name) != value})
        root = logging.getLogger()
        root.handlers[:] = self.handlers
        root.setLevel(self.level)
        gc.set_threshold(*self.collections)
        self.runs.restore()
        redirect_output(log if log.exists() else None)
