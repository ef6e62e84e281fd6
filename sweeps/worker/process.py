"""A process that a worker has started: a pipe to it, its process group, and how it ended."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from sweeps.worker.frames import Frames
from sweeps.worker.messages import FromTrial, Prune, ToTrial, decode, encode

_SERVER_DIED = 255
"""multiprocessing's exit code of a process whose fork server has not lived to report it."""

_MAX_MESSAGES = 1000
"""Messages taken at one look; a trial that never stops talking waits for the next one."""

_DYING_S = 1.0
"""A fork server that was killed may still be an entry of the process table for so long."""


class TrialProcess:
    """A trial's process, seen from its worker.

    Args:
        process: The process, leader of its own group once it runs.
        connection: The worker's end of the pipe.
        server: Process id of the fork server it came from; None where that is not known.
        tidy: Ends what the process of the given id has left behind.
    """

    def __init__(
        self,
        process: BaseProcess,
        connection: Connection,
        server: int | None,
        tidy: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self._process, self._connection, self._server, self._tidy = process, connection, server, tidy
        self._frames = Frames(connection)

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs, negative: the number of the signal that ended it."""
        return self._process.exitcode

    @property
    def sources(self) -> tuple[Connection | int, ...]:
        """What becomes ready when the process speaks or ends, for `multiprocessing.connection.wait`."""
        return self._connection, self._process.sentinel

    @property
    def has_lost_its_server(self) -> bool:
        """Whether the fork server has died, which ends all its trials whatever they were doing.

        Asked once the process has ended; may take up to a second where the server is just dying.
        """
        if self._server is None:
            return False
        deadline = time.monotonic() + (_DYING_S if self.exit_code == _SERVER_DIED else 0.0)
        while not (is_gone := has_ended(self._server)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return is_gone

    def receive(self) -> list[FromTrial]:
        """What the process has said since the last call.

        Raises:
            ValueError: It has sent what is no message.
        """
        messages: list[FromTrial] = []
        try:
            while len(messages) < _MAX_MESSAGES and (read := self._frames.next()) is not None:
                message = decode(read)
                if not isinstance(message, Prune):  # nobody but a worker sends one
                    messages.append(message)
        except (EOFError, OSError):
            pass  # the process has ended; its sentinel tells the worker
        return messages

    def send(self, message: ToTrial) -> None:
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            self._connection.send_bytes(encode(message))

    def stop(self, is_urgent: bool = False) -> None:
        """Ask for a checkpoint and the end.

        A task that handles SIGTERM is asked alone, for it tells those that it has started: of ranks that hear it twice,
        Lightning's wait for each other for ever.

        Args:
            is_urgent: Whether to ask all, whatever the task does.
        """
        if is_urgent or not _handles(self.pid, signal.SIGTERM):
            _signal_group(self.pid, signal.SIGTERM)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and everything it has started, in whatever group or session that is; may be repeated."""
        started = _descendants(self.pid)
        _signal_group(self.pid, signal.SIGKILL)
        for process in started:
            with contextlib.suppress(psutil.Error):
                process.kill()  # psutil looks whether the number is still this process's
        self._process.join(timeout=5)
        self._connection.close()
        self._tidy(self.pid)


def has_ended(child: int) -> bool:
    """Whether a child of this process has ended. Does not reap it; multiprocessing does."""
    if not hasattr(os, "waitid"):
        return False  # macOS before Python 3.13: a trial that dies with its server counts as a crash there
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []  # it has ended


def _handles(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal, where the kernel tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    found = re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> (number - 1) & 1)


def _signal_group(pid: int, number: int) -> None:
    try:
        # The group exists once the trial has called setsid; before that the process is alone.
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        # The leader may be gone and leave others of its group behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
