"""The handle of a trial in a study: it speaks to its worker over a pipe, and needs no storage and no answer."""

import errno
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sweeps.redact import text
from sweeps.trial.artifacts import keep_artifact
from sweeps.trial.checkpoints import newest
from sweeps.trial.curves import SELECTED
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import Trial, TrialPruned, check_directions, rows_of
from sweeps.trial.journal import Journal
from sweeps.worker.messages import PIPE_CLOSED, Declared, FromTrial, Progressed, Prune, Reported, decode, encode

_PROGRESS_INTERVAL_S = 1.0
_MAX_STEP = 2**31
"""Steps are whole numbers of 32 bits in Optuna's tables."""


class Inbox:
    """What a worker has said to the trials of a process.

    Args:
        connection: The trials' end of the pipe.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._pruned = connection, set[int]()

    def is_pruned(self, number: int) -> bool:
        """Whether a decision to stop this trial has arrived; a trial never waits for one."""
        while self._connection.poll():
            message = decode(self._connection.recv_bytes())
            if isinstance(message, Prune):
                self._pruned.add(message.trial)
        return number in self._pruned


class PipedTrial(Trial):
    """A trial that a worker has started.

    Args:
        connection: The trial's end of the pipe.
        number: The trial's number.
        directory: The trial's directory.
        attempt: 1 for the first execution.
        inbox: What all trials of the process are told; None: the process has this one only.
    """

    is_in_study = True

    def __init__(
        self, connection: Connection, number: int, directory: Path, attempt: int = 1, inbox: Inbox | None = None
    ) -> None:
        self.number: int = number
        self.attempt = attempt
        self._connection, self._directory = connection, directory
        self._inbox = inbox or Inbox(connection)
        self._is_told = False
        self._began_s = time.time()
        self._next_progress = 0.0

    def declare(self, directions: Mapping[str, str], means: Mapping[str, Sequence[str]] | None = None) -> None:
        check_directions(directions)
        self._journal.event("metrics", directions=dict(directions))
        named = {text(str(name)): direction for name, direction in directions.items()}
        of = {text(str(name)): [text(str(part)) for part in parts] for name, parts in (means or {}).items()}
        self.send(Declared(trial=self.number, directions=named, means=of))

    def report(self, metrics: Mapping[str, float], step: int) -> None:
        _check_step(step)
        self._journal.log({name: float(value) for name, value in metrics.items()}, int(step))
        self.show(metrics, step)

    def select(self, step: int) -> None:
        _check_step(step)
        self._journal.event(SELECTED, step=int(step))

    def show(self, metrics: Mapping[str, float], step: int) -> None:
        _check_step(step)
        numbers = {text(str(name)): float(value) for name, value in metrics.items()}
        self._is_told = False  # it goes on
        self._offer(Reported(trial=self.number, metrics=numbers, step=int(step)))

    def log_params(self, params: Mapping[str, Any]) -> None:
        self._journal.event("hyperparameters", values=params)

    def log_artifact(self, path: str | Path) -> None:
        self._journal.event("artifact", path=keep_artifact(TrialFiles(self._directory), Path(path)))

    def log_dataset(self, name: str, digest: str, rows: int | Mapping[str, int] | None = None) -> None:
        self._journal.event("dataset", name=name, digest=digest, rows=rows_of(name, digest, rows))

    def log_model(self, folder: str | Path) -> None:
        super().log_model(folder)
        self._journal.event("model", path=keep_artifact(TrialFiles(self._directory), Path(folder)))

    def progress(self, done: float | None = None) -> None:
        now = time.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_INTERVAL_S
            self._offer(Progressed(trial=self.number, done=None if done is None else min(1.0, max(0.0, float(done)))))

    @property
    def directory(self) -> Path:
        return self._directory

    @cached_property
    def checkpoint(self) -> Path | None:  # type: ignore[override]
        return newest(self._directory, self._began_s) if self.attempt > 1 else None

    @cached_property
    def _journal(self) -> Journal:
        """Read once the attempt is noted in it."""
        return Journal(self._directory)

    @property
    def should_prune(self) -> bool:
        self._is_told = self._inbox.is_pruned(self.number)
        return self._is_told

    def unless_stopped(self, returned: Any) -> Any:
        """What its task has returned.

        Raises:
            TrialPruned: The task has seen that it should stop, and has reported nothing since: it was not trained to
                its end, whatever became of the exception that says so.
        """
        if self._is_told:
            raise TrialPruned
        return returned

    def _offer(self, message: Reported | Progressed) -> None:
        """Send what the next message of its kind replaces, unless the worker has too much to read already."""
        if _is_writable(self._connection):
            self.send(message)

    def send(self, message: FromTrial) -> None:
        """Send what the worker must have; waits for it to read."""
        try:
            self._connection.send_bytes(encode(message))
        except OSError as error:
            if error.errno == errno.EBADF:
                os._exit(PIPE_CLOSED)
            os._exit(128 + signal.SIGTERM)  # the worker is gone, and with it the right to this trial


def _check_step(step: int) -> None:
    if not 0 <= step < _MAX_STEP:
        raise ValueError(f"step={step} must be at least 0 and below {_MAX_STEP}")


def _is_writable(connection: Connection) -> bool:
    """Whether a message can be sent without waiting. A pipe that is writable has room for far more than a message."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLOUT)
    return bool(waiting.poll(0))
