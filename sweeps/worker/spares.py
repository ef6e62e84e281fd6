"""Processes that are forked before there is work for them: when a trial is claimed, its process begins at once."""

import contextlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from sweeps.worker.child import prepare

Entry = Callable[[Any, Connection], Any]

_READY = b"ready"

_PATIENCE_S = 10.0
"""How long a process that was forked may take to say that it waits."""


@dataclass(slots=True, kw_only=True)
class Spare:
    """A process that waits for its work, seen from the worker.

    Attributes:
        process: The process.
        connection: The worker's end of the pipe to it.
        is_ready: Whether it is known to wait.
    """

    process: BaseProcess
    connection: Connection
    is_ready: bool = False

    @property
    def lives(self) -> bool:
        return self.process.exitcode is None

    def wait(self) -> bool:
        """Return once it waits for its work; False: it has died, or does not answer."""
        with contextlib.suppress(EOFError, OSError):
            if not self.is_ready and self.connection.poll(_PATIENCE_S):
                self.is_ready = self.connection.recv_bytes() == _READY
        return self.is_ready and self.lives

    def begin(self, entry: Entry, argument: Any) -> bool:
        """Let it run `entry`; False: it cannot."""
        if not self.wait():
            return False
        try:
            self.connection.send_bytes(pickle.dumps((entry, argument)))
        except OSError:
            return False
        return True


def await_work(argument: None, connection: Connection) -> None:
    """Entry of such a process: it is one of trials, and runs what it is sent; it ends where its worker has gone."""
    with contextlib.suppress(Exception):  # what fails here fails again in the trial, which tells why
        prepare()
    try:
        connection.send_bytes(_READY)
        found = connection.recv_bytes()
    except (EOFError, OSError):
        return
    entry, work = pickle.loads(found)
    entry(work, connection)
