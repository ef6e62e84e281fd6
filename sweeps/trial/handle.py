"""The handle a task function sees of the trial it runs in."""

import os
import signal
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

_PROGRESS_INTERVAL_S = 1.0


class TrialPruned(Exception):
    """Raised by a task that `should_prune` told to stop."""


class Trial:
    """Outside a study: accepts everything, stops nothing."""

    number: int | None = None
    is_in_study = False

    def report(self, metrics: Mapping[str, float], step: int) -> None:
        """Show the latest metrics to the study; never waits.

        Args:
            metrics: Metric name to value.
            step: Epoch, or whatever the trial counts.
        """

    def progress(self) -> None:
        """Say that the trial is not stuck; cheap enough for every step."""

    @property
    def should_prune(self) -> bool:
        """Whether the pruner has decided, on what was reported so far, that the trial should stop."""
        return False


class StudyTrial(Trial):
    """Speaks to the worker over a pipe. Needs no storage, and no answer to go on."""

    is_in_study = True

    def __init__(self, connection: Connection, number: int) -> None:
        self.number = number
        self._connection = connection
        self._pruned = False
        self._next_progress = 0.0

    def report(self, metrics: Mapping[str, float], step: int) -> None:
        self.send("report", ({name: float(value) for name, value in metrics.items()}, int(step)))

    def progress(self) -> None:
        now = time.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_INTERVAL_S
            self.send("progress", None)

    @property
    def should_prune(self) -> bool:
        while self._connection.poll():
            self._pruned = self._connection.recv() == "prune"
        return self._pruned

    def send(self, kind: str, content: Any) -> None:
        try:
            self._connection.send((kind, content))
        except OSError:
            os._exit(128 + signal.SIGTERM)  # the worker is gone, and with it the right to this trial


_current = Trial()


def current_trial() -> Trial:
    """The trial this process runs; outside a study one that does nothing."""
    return _current


def enter(trial: Trial) -> None:
    """Make this the trial of the process."""
    global _current
    _current = trial
