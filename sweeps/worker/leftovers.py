"""Gives a process back what a trial has changed in it, as far as that can be known: `study.isolation=inline`.

What cannot be given back is said in docs/running.md; what shows that a process is of no more use is looked for here.
"""

import os
import signal
import sys
import threading
import warnings
from typing import Any

from sweeps.worker import kinship
from sweeps.worker.at_exit import end_runs
from sweeps.worker.own_runs import Held

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)


class Found:
    """A process as it was before its first trial."""

    def __init__(self) -> None:
        self._environment, self._directory = dict(os.environ), os.getcwd()  # noqa: PTH109 - a text, as chdir takes it
        lists: tuple[Any, ...] = (sys.path, sys.argv, sys.meta_path, warnings.filters)
        self._lists = [(one, list(one)) for one in lists]
        self._streams = sys.stdout, sys.stderr
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._threads = set(threading.enumerate())
        self._runs = Held.here()

    def put_back(self) -> bool:
        """Undo what a trial has done; False where something of it still runs, so that nothing else should run here."""
        if set(threading.enumerate()) - self._threads or kinship.children(os.getpid()):
            return False
        try:
            os.chdir(self._directory)
        except OSError:
            return False
        os.environ.clear()
        os.environ.update(self._environment)
        for one, content in self._lists:
            one[:] = content
        sys.stdout, sys.stderr = self._streams
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        end_runs()
        self._runs.restore()
        return True
