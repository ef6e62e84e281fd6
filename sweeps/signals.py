"""Signals that ask a command to end: each ends it by an exception, whatever becomes of that exception on its way.

One may be lost. Python drops what is raised in the callback of a weak reference, and an object that is left half made
turns it into an error of its own, which somebody takes for a mistake of the user's and goes on. So a signal is repeated
until its exception is on its way, or the command has said that it ends.
"""

import _thread
import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

_ENDING = (signal.SIGTERM, signal.SIGHUP)

_LOOK_S = 0.05
"""Between two looks whether the exception of a signal is still on its way; it is lost after two without it."""


class _Asked:
    """What has asked the main thread to end."""

    current: "_Asked | None" = None

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.is_over = False

    def ask(self, number: int, frame: object) -> None:
        """Handle a signal."""
        self.errors.append(_end_of(number))
        if len(self.errors) == 1:
            _thread.start_new_thread(self._insist, (number,))  # takes no lock, which the main thread might hold
        raise self.errors[-1]

    def _insist(self, number: int) -> None:
        num_missed = 0
        while not self.is_over:
            time.sleep(_LOOK_S)
            num_missed = 0 if self._is_on_its_way() else num_missed + 1
            if num_missed == 2 and not self.is_over:
                num_missed = 0
                # Somebody else who takes it, as a worker does, hears of it once: a second one would be impatience.
                self.is_over = signal.getsignal(number) != self.ask
                os.kill(os.getpid(), number)

    def _is_on_its_way(self) -> bool:
        """Whether the main thread deals with such an exception, or with an error that came of it."""
        handled: dict[Any, Any] = sys._current_exceptions()  # type: ignore[attr-defined]
        found = handled.get(threading.main_thread().ident)
        error = found[1] if isinstance(found, tuple) else found
        while error is not None:
            if any(error is asked for asked in self.errors):
                return True
            error = error.__context__
        return False


def obey() -> None:
    """Say that the command ends for the signal that has just come, though its exception goes no further."""
    if _Asked.current is not None:
        _Asked.current.is_over = True


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, end the process by an exception, so that it cleans up.

    The exit codes are 143 and 129. A further signal does not disturb a process that is ending for the first one.
    Whatever the exception meets on its way, and whatever error that makes of it, the process ends for the signal.
    """
    # `nohup` has SIGHUP ignored on purpose; Ctrl-C is taken where Python would raise it.
    taken = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    is_raised = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    before, asked = _Asked.current, _Asked()
    _Asked.current = asked
    handled = [*taken, *([signal.SIGINT] if is_raised else [])]
    previous = {number: signal.signal(number, asked.ask) for number in handled}
    hook = sys.unraisablehook
    sys.unraisablehook = functools.partial(_dropped, hook, asked)
    try:
        with _signal_first(asked):
            yield
    except SystemExit as end:
        if end.code in [128 + number for number in taken]:
            previous |= dict.fromkeys(taken, signal.SIG_IGN)
        raise
    finally:
        asked.is_over, _Asked.current = True, before
        sys.unraisablehook = hook
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end_of(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


@contextlib.contextmanager
def _signal_first(asked: _Asked) -> Iterator[None]:
    """End for a signal that was asked for, also where its exception has met an object half made and become an error."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:
        if not asked.errors:
            raise
        raise asked.errors[0] from None


def _dropped(otherwise: Callable[[Any], object], asked: _Asked, unraisable: Any) -> None:
    """Say nothing of a signal's exception that Python drops: the signal is repeated."""
    if not any(unraisable.exc_value is error for error in asked.errors):
        otherwise(unraisable)
