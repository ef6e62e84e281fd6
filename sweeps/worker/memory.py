"""Memory of trials: how much one uses, and whether the kernel has ended one for it."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

_GB = 1e9


def used_gb(pid: int) -> float:
    """Memory of a process and its children that they do not share with others, in units of 10^9 bytes; 0 if gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_own_bytes(member) for member in family) / _GB


def num_oom_kills(counters: Iterable[Path] | None = None) -> int:
    """How many processes the kernel has killed here for lack of memory.

    Args:
        counters: Files with a line `oom_kill N`; None: those of this machine and of this container.
    """
    files = (Path("/proc/vmstat"), *_cgroup_events()) if counters is None else counters
    return sum(_counter(path) for path in files)


def volunteer() -> None:
    """Let the kernel choose this process rather than the worker when memory runs out."""
    with contextlib.suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")


def _own_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0  # it has ended meanwhile
    return max(0, memory.rss - getattr(memory, "shared", 0))


def _cgroup_events() -> list[Path]:
    with contextlib.suppress(OSError):
        # Version 2 of control groups: one line, `0::/path`.
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return [Path("/sys/fs/cgroup") / line[3:].strip("/") / "memory.events"]
    return []


def _counter(path: Path) -> int:
    try:
        found = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
