"""Memory of trials: how much one uses, and whether the kernel has ended one for it."""

import contextlib
import re
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from sweeps.worker import kinship

_GB = 1e9

_FASTEST_GB_PER_S = 10.0
"""How fast memory is taken at most: a look is due before the limit can be reached at this rate."""

_MAX_LOOK_S = 2.0
"""Longest time between two looks."""

_MAX_LOOK_FRAC = 0.01
"""Most of the worker's time that looking may cost for one trial; it sets the shortest time between two looks."""


class MemoryWatch:
    """Looks at the memory of a process and its descendants, the sooner the less is left of their limit.

    Args:
        pid: The process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.due_at = 0.0

    def excess_gb(self, limit_gb: float | None) -> float | None:
        """What they use, in units of 10^9 bytes, where that is more than the limit; None too where no look is due."""
        now = time.monotonic()
        if limit_gb is None or now < self.due_at:
            return None
        gb = used_gb(self._pid)
        cost_s = time.monotonic() - now
        pause_s = max((limit_gb - gb) / _FASTEST_GB_PER_S, cost_s / _MAX_LOOK_FRAC)
        self.due_at = now + min(pause_s, _MAX_LOOK_S)
        return gb if gb > limit_gb else None


def used_gb(pid: int) -> float:
    """Memory of a process and its descendants that they do not share with others, in units of 10^9 bytes; 0 if gone."""
    return sum(_own_bytes(member) for member in (pid, *_descendants(pid))) / _GB


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


def _descendants(pid: int) -> list[int]:
    if Path(f"/proc/{pid}/task/{pid}/children").exists():
        return kinship.descendants(pid)  # 0.5 ms; psutil reads every process of the machine, 6 ms with 130 of them
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _own_bytes(pid: int) -> int:
    try:
        memory = psutil.Process(pid).memory_info()
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
