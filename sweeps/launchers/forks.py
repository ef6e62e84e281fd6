"""Signals that reach a process that was forked a moment ago.

A process that is forked inherits Python's handlers, and Python forgets all signals that came in before it has run for
the first time: without a handler the system would have ended it. A pool of processes sends each of its own one SIGTERM
and waits for it without a limit, so that a signal that is forgotten holds it for ever.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_kept: set[int] = set()
_of_thread = threading.local()


@contextmanager
def signals_kept_in_forks(numbers: Sequence[int]) -> Iterator[None]:
    """Hold back these signals around each fork of this process; one that comes meanwhile ends the new process.

    Args:
        numbers: Those that have handlers of Python's.
    """
    _kept.update(numbers)
    try:
        yield
    finally:
        _kept.clear()


def end_if_new(number: int) -> None:
    """End this process by the system's action if it is still within the fork that has made it.

    What a handler raises there is dropped, by whichever hook it interrupts.
    """
    caller, place = getattr(_of_thread, "fork", (None, 0))
    if caller is not None and caller.f_lasti == place:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _hold() -> None:
    if _kept:
        caller = sys._getframe(1)  # it stands at its call of `fork` until all hooks are done
        _of_thread.fork = caller, caller.f_lasti
    _of_thread.before = signal.pthread_sigmask(signal.SIG_BLOCK, _kept)


def _let_go() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _of_thread.before)


def _let_go_in_parent() -> None:
    _of_thread.fork = None, 0
    _let_go()


def _let_go_in_child() -> None:
    # By the system's own action: an exception of a handler would be dropped here.
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in _kept}
    _let_go()
    for number, handler in handlers.items():
        signal.signal(number, handler)


os.register_at_fork(before=_hold, after_in_parent=_let_go_in_parent, after_in_child=_let_go_in_child)
