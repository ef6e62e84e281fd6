"""The signals that ask a worker to stop: Ctrl-C, SIGTERM, and the end of its terminal."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

_SAME_SIGNAL_S = 0.5
"""Signals this close together are one: `timeout` and some batch systems signal a process and its group at once."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Takes the signals while it is entered. The first one asks, a later one ends the process at once.

    Args:
        at_once: Called before a later signal ends the process.
    """

    def __init__(self, at_once: Callable[[], None]) -> None:
        self._at_once = at_once
        self._previous: dict[int, Any] = {}
        self._asked_at = 0.0
        self.by: int | None = None
        """Number of the first signal; None so far."""

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # `nohup` has SIGHUP ignored on purpose.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @property
    def reason(self) -> str | None:
        """Why the worker stops, in words; None where no signal has come."""
        return None if self.by is None else f"its worker was told to stop by {signal.Signals(self.by).name}"

    def ask(self, number: int) -> None:
        """Stop as if this signal had come."""
        if self.by is None:
            self.by, self._asked_at = number, time.monotonic()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.by is None:
            self.ask(number)
        elif time.monotonic() - self._asked_at > _SAME_SIGNAL_S:
            self._at_once()
            raise SystemExit(128 + number)
