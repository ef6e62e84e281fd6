"""When a worker starts nothing more: there is no disk to write to, or too much has failed."""

import sys
import time
from collections.abc import Callable

from sweeps.outcome import Failed, Outcome
from sweeps.output import counted

_MAX_LACKS = 3
"""Attempts in a row that fail for lack of a disk before the sweep is given up."""

_PATIENCE_S = 600.0


class Brake:
    """Decides whether a worker may claim another trial.

    Args:
        max_failures: Failed trials after which the work ends; None: no limit.
        lack: Says why trials cannot write, or None where they can.
    """

    def __init__(self, max_failures: int | None, lack: Callable[[], str | None]) -> None:
        self._max_failures, self._lack = max_failures, lack
        self._num_failures = self._num_lacks = 0
        self._lacking_since: float | None = None
        self.reason: str | None = None
        """Why the work is to end; None while it is not."""

    def may_claim(self, is_idle: bool) -> bool:
        """Whether a trial could write. Says once that it could not; an idle worker waits for some minutes.

        Args:
            is_idle: No trial is running.
        """
        lack = self._lack()
        now = time.monotonic()
        if lack is None:
            self._lacking_since = None
            return True
        if self._lacking_since is None:
            self._lacking_since = now
            sys.stderr.write(f"Warning: {lack}. No trial is started until it can be.\n")
            sys.stderr.flush()
        elif is_idle and now - self._lacking_since > _PATIENCE_S:
            self.reason = f"{lack}, for {now - self._lacking_since:.0f} s"
        return False

    def note(self, outcome: Outcome, is_final: bool) -> None:
        """Learn how an attempt has ended.

        Args:
            outcome: What it amounts to.
            is_final: The trial is not tried again.
        """
        is_lack = isinstance(outcome, Failed) and outcome.cause == "disk"
        self._num_lacks = self._num_lacks + 1 if is_lack else 0
        self._num_failures += is_final and isinstance(outcome, Failed)
        if isinstance(outcome, Failed) and self._num_lacks >= _MAX_LACKS:
            self.reason = f"{_MAX_LACKS} attempts in a row have failed for lack of a disk to write to: {outcome.detail}"
        elif self._max_failures is not None and self._num_failures >= self._max_failures:
            have = "has" if self._num_failures == 1 else "have"
            failed = f"{counted(self._num_failures, 'trial')} {have} failed"
            self.reason = f"{failed} (study.max_failures={self._max_failures})"
