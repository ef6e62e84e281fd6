"""Who a worker is, and whether another one on this machine still lives."""

import functools
import hashlib
import os
import socket
import uuid
from pathlib import Path


def new_worker_id() -> str:
    """Host name, machine, process and a random part, unique over all machines and restarts."""
    return f"{socket.gethostname()}:{machine()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def host_of(worker: str) -> str:
    """The host name in a worker's id."""
    return worker.partition(":")[0]


def is_known_dead(worker: str) -> bool:
    """Whether a worker ran on this machine, since its last start, and its process is gone.

    False where nobody can know: then only the lease decides.
    """
    parts = worker.split(":")
    if len(parts) != 4 or parts[1] != machine():
        return False
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@functools.cache
def machine() -> str:
    """Hash of boot and process namespace: a process id means the same only where both are equal."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        boot, namespace = str(uuid.getnode()), ""
    return hashlib.sha256(f"{boot}{namespace}".encode()).hexdigest()[:8]
