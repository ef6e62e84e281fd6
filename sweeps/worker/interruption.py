"""The signals that ask a worker to stop: Ctrl-C, SIGTERM, the end of its terminal, and that its time is over."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

_SAME_SIGNAL_S = 0.5
"""Signals this close together are one: `timeout` and some batch systems signal a process and its group at once."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

TIME_IS_OVER = (signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)
"""Its own clock (`--max-time`), and what a batch system sends before the limit of its job."""


class Interruption:
    """Takes the signals while it is entered. The first one asks, a later one ends the process at once.

    Args:
        at_once: Called before a later signal ends the process.
        until: When it has to stop by itself, in seconds since the epoch; None: never.
    """

    def __init__(self, at_once: Callable[[], None], until: float | None = None) -> None:
        self._at_once, self._until = at_once, until
        self._previous: dict[int, Any] = {}
        self._asked_at = 0.0
        self.by: int | None = None
        """Number of the first signal; None so far."""

    def __enter__(self) -> Self:
        for number in (*_SIGNALS, *TIME_IS_OVER):
            # `nohup` has SIGHUP ignored on purpose.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_signal)
        if self._until is not None:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, self._until - time.time()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._until is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @property
    def reason(self) -> str | None:
        """Why the worker stops, in words; None where no signal has come."""
        if self.by is None:
            return None
        if self.by == signal.SIGALRM:
            return "its worker's time was over (--max-time)"
        return f"its worker was told to stop by {signal.Signals(self.by).name}"

    def ask(self, number: int) -> None:
        """Stop as if this signal had come."""
        if self.by is None:
            self.by, self._asked_at = number, time.monotonic()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.by is None:
            self.ask(number)
        elif number in TIME_IS_OVER:
            pass  # it is stopping; a batch system may say so more than once
        elif time.monotonic() - self._asked_at > _SAME_SIGNAL_S:
            self._at_once()
            raise SystemExit(128 + number)
