"""Who a worker is, and whether another one on this machine still lives."""

import functools
import getpass
import hashlib
import os
import socket
import uuid
from pathlib import Path
from typing import Literal

_ENDED = ("Z", "X")
_STOPPED = ("T", "t")
"""What /proc calls the states of a process."""


def new_worker_id() -> str:
    """Host name, machine, process, its start and a random part, unique over all machines and restarts."""
    started = _process(os.getpid())[1]
    return f"{socket.gethostname()}:{machine()}:{os.getpid()}:{started}.{uuid.uuid4().hex[:8]}"


def user_and_host() -> str:
    """Who runs this process, and on which machine."""
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (KeyError, OSError):  # a container may run as a user without a name
        return f"somebody on {socket.gethostname()}"


def host_of(worker: str) -> str:
    """The host name in a worker's id."""
    return worker.partition(":")[0]


def is_known_dead(worker: str) -> bool:
    """Whether a worker ran on this machine, since its last start, and its process is gone.

    False where nobody can know: then only the lease decides.
    """
    return _standing(worker) == "gone"


def is_known_alive(worker: str) -> bool:
    """Whether a worker runs on this machine, and is not stopped: then no clock says otherwise."""
    return _standing(worker) == "works"


def _standing(worker: str) -> Literal["gone", "works", "unknown"]:
    parts = worker.split(":")
    if len(parts) != 4 or parts[1] != machine():
        return "unknown"
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass
    state, started = _process(int(parts[2]))
    then, dot, _ = parts[3].partition(".")
    # The number may be another process's by now; ids of an earlier version do not say when theirs started.
    if state in _ENDED or (dot and started and started != then):
        return "gone"
    return "works" if dot and started == then and state not in _STOPPED else "unknown"


def _process(pid: int) -> tuple[str, str]:
    """State and start of a process, in ticks since the machine's start; empty where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]


@functools.cache
def machine() -> str:
    """Hash of boot and process namespace: a process id means the same only where both are equal."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        boot, namespace = str(uuid.getnode()), ""
    return hashlib.sha256(f"{boot}{namespace}".encode()).hexdigest()[:8]
