"""Cuts a process of the fork server off from the terminal, the server and other attempts in the same directory."""

import contextlib
import fcntl
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from sweeps.owners import machine
from sweeps.trial.files import TrialFiles
from sweeps.trial.ownership import own_trial
from sweeps.worker import kinship

_NONE = -1
"""A descriptor that no file has."""

_holds: "list[Hold]" = []
"""The directories that this process holds, behind the first one that it has ever held."""

_DYING_S = 3.0
"""A process that was killed may hold its files for so long."""


def isolate() -> None:
    """Give the process a group of its own that ends with the server."""
    if os.getsid(0) != os.getpid():  # a process that runs several trials is here for each
        os.setsid()  # its own process group: what the trial starts can be ended with it
    _leave_fork_server()
    # Else a data loader of the trial would start a fork server of its own, which imports everything again.
    multiprocessing.set_start_method(None, force=True)
    # The fork server ends when its worker ends, and with it every trial: no process of a killed sweep lives on.
    kinship.die_with(kinship.server_pid or os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then asks with SIGTERM
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Hold:
    """A trial's directory, held for as long as this process lives; processes that it forks do not hold it.

    Args:
        lock: The file that is locked.
    """

    def __init__(self, lock: Path) -> None:
        self.descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        if not _holds:
            os.register_at_fork(after_in_child=release_directories)
        _holds.append(self)

    def let_go(self) -> None:
        """Hold it no more: its trial has ended, or this is a process that the trial has forked."""
        with contextlib.suppress(OSError):  # the task may have closed it
            os.close(self.descriptor)
        self.descriptor = _NONE


def take_directory(files: TrialFiles, point: str, restarts: int, tell: Callable[[str], None]) -> Hold:
    """Hold the trial's directory.

    An earlier attempt may still run there: its worker was stopped or cut off from the database and has lost the trial.
    On this machine it is ended, on another one it is waited for.

    Args:
        files: The trial's files.
        point: Key of its point. A directory that another point has left here is set aside.
        restarts: How often the trial was sent back to its beginning. What it left before the last time is set aside.
        tell: Learns who holds the directory where it has to be waited for.
    """
    own_trial(files, point, restarts)
    hold = Hold(files.lock)
    lock = hold.descriptor
    if not _is_taken(lock):
        holder = os.pread(lock, 200, 0).decode(errors="replace")
        _end_holders(files.lock, holder)
        if not _is_taken(lock, _DYING_S):
            tell(f"waits for {files.directory}, which is held by {_named(files.lock, holder)}")
            fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{machine()}:{os.getpid()}:{socket.gethostname()}".encode(), 0)
    return hold


def release_directories() -> None:
    """Hold no directory any more."""
    for hold in _holds:
        hold.let_go()
    del _holds[1:]  # what is called at each fork is registered with the first one


def redirect_output(log: Path | None) -> None:
    """Send what the process prints to a file.

    Args:
        log: The file; None drops what is printed.
    """
    if log is None:
        target = os.open(os.devnull, os.O_WRONLY)
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(target, stream)
    os.close(target)


def _leave_fork_server() -> None:
    """Close the inherited end of the pipe that keeps the fork server running.

    Every child gets it so that it could fork from the same server; with it the server would outlive a killed worker
    for as long as a trial runs. A trial that uses a fork server gets one of its own.
    """
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if server._forkserver_alive_fd is not None:
        os.close(server._forkserver_alive_fd)
    server._forkserver_alive_fd = server._forkserver_address = server._forkserver_pid = None


def _is_taken(lock: int, patience_s: float = 0.0) -> bool:
    """Whether the lock is ours now."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)


def _end_holders(lock: Path, holder: str) -> None:
    """End an earlier attempt of this machine, and whatever else of it has the lock open."""
    where, group, *_ = [*holder.split(":"), ""]
    if where == machine() and group.isdigit():
        for pid in _openers(lock):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.killpg(int(group), signal.SIGKILL)


def _named(lock: Path, holder: str) -> str:
    """Who holds a lock, for a person: the processes of this machine, else what the lock says."""
    openers = _openers(lock)
    if openers:
        return f"{'process' if len(openers) == 1 else 'processes'} {', '.join(map(str, openers))} of this machine"
    _, pid, host = [*holder.split(":"), "", ""][:3]
    return f"process {pid or '?'} of {host or 'another machine'}"


def _openers(path: Path) -> list[int]:
    """The other processes of this machine that have a file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if link.readlink() == path:
                found.add(int(link.parts[2]))
    return sorted(found - {os.getpid()})
