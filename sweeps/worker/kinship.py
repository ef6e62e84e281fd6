"""Ties a process to its parent, and orphans to the fork server. What Linux offers for it; elsewhere nothing happens."""

import ctypes
import os
import signal
import sys
from pathlib import Path

PARENT = "SWEEPS_COMMAND_PID"
"""Variable with the process id of the command that starts a fork server."""

ENDS_WITH = "SWEEPS_ENDS_WITH"
"""Variable with the process id of the job that has started a worker."""

OF_THE_WORKER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that a fork server ignores. A batch system may send the last two to all that a job has started; trials go on
ignoring them."""

server_pid: int | None = None
"""In a fork server and in all that is forked from it: its process id."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


is_job = False
"""Whether a job has started this worker: then another command shows the study and its end."""


def end_with_job() -> None:
    """Hand back and end once the job that has started this worker ends, whatever ends it."""
    global is_job
    if job := os.environ.pop(ENDS_WITH, None):
        is_job = True
        die_with(int(job), signal.SIGTERM)


def die_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Let the kernel signal this process once its parent ends; end it now where the parent has ended already."""
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, number)
    # The parent may have died before the kernel was asked: then nobody is told of it.
    if os.getppid() != parent:
        os._exit(128 + number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that it can be found."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children(pid: int) -> list[int]:
    """The children of a process; none where the system does not list them."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:
            continue  # the thread has ended
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, their children, and so on."""
    found: list[int] = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value)
