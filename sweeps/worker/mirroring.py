"""Keeps Optuna's tables near the study while a worker runs: nobody waits for them, so many trials go in one batch."""

import time

from sweeps.study.records import Notice, TrialEnded
from sweeps.study.study import Study

_INTERVAL_S = 5.0


class Mirroring:
    """Writes the trials that have ended, some seconds after this worker has ended one; the last by `reconcile`.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._due_at = study, float("inf")

    def notice(self, notice: Notice) -> None:
        if isinstance(notice, TrialEnded) and self._due_at == float("inf"):
            self._due_at = time.monotonic() + _INTERVAL_S

    def tick(self) -> None:
        if time.monotonic() >= self._due_at:
            self._due_at = float("inf")
            self._study.mirror()
