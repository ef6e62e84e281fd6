"""Cuts a process of the fork server off from the terminal, the server and other attempts in the same directory."""

import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from sweeps.identity import machine
from sweeps.trial.files import TrialFiles
from sweeps.trial.ownership import own_trial

_PDEATHSIG = 1


def isolate() -> None:
    """Give the process a group of its own that ends with the server."""
    os.setsid()  # its own process group: what the trial starts can be ended with it
    _leave_fork_server()
    # Else a data loader of the trial would start a fork server of its own, which imports everything again.
    multiprocessing.set_start_method(None, force=True)
    if sys.platform == "linux":
        # The fork server ends when its worker ends, and with it every trial: no process of a killed sweep lives on.
        ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then asks with SIGTERM
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def take_directory(files: TrialFiles, point: str) -> None:
    """Hold the trial's directory for as long as this process, or any that it starts, lives.

    An earlier attempt may still run there: its worker was stopped or cut off from the database and has lost the trial.
    On this machine it is ended, on another one it is waited for.

    Args:
        files: The trial's files.
        point: Key of its point. A directory that another point has left here is set aside.
    """
    own_trial(files, point)
    lock = os.open(files.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        where, _, group = os.pread(lock, 100, 0).decode().partition(":")
        if where == machine():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{machine()}:{os.getpid()}".encode(), 0)


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
