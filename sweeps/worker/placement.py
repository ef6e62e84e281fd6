"""How many trials this machine runs at a time, and on what."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from sweeps.granted import cores_of_engine, is_alone, num_workers_here, scope
from sweeps.worker.tenancy import Tenancy, take

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Room for one running trial.

    Attributes:
        threads: Threads of the trial.
        device: The GPU it sees; None on a machine without.
        share: Part of that GPU, or of the machine's cores, that is the trial's: 1.0 is all of it.
        environment: Variables of the trial, on top of those of the fork server.
    """

    threads: int
    device: str | None
    share: float
    environment: Mapping[str, str] = field(default_factory=dict)


_held: Tenancy | None = None
"""What this process has of the machine, once it works on a study."""


def settle_in(asked: int | str, num_trials: int) -> Tenancy:
    """Take this process's part of the machine; the places are of that part from now on.

    Without a device that is free on a machine that has some, nothing is taken: ask again.

    Args:
        asked: Trials at a time (`study.slots`). One worker may run several on a GPU, two workers never share one.
        num_trials: Trials of the study.
    """
    global _held
    devices = gpus()
    if _held is None or (devices and not _held.devices):
        share = math.ceil(len(devices) / num_workers_here())
        wanted = min(share if asked == "auto" else int(asked), max(1, num_trials))
        _held = Tenancy(devices=devices) if is_alone() else take(scope(), devices, wanted)
    return _held


def places_of_this_machine(asked: int | str, num_trials: int) -> tuple[Place, ...]:
    """The places of a worker: in its part of the machine where it has settled in, else on the whole machine.

    Args:
        asked: Trials at a time (`study.slots`); `auto`: one per GPU, or one per core on a machine without.
        num_trials: Trials of the study; there are never more places.
    """
    num_workers = 1 if is_alone() else max(num_workers_here(), _held.num_workers if _held else 1)
    cores, devices = max(1, num_cores() // num_workers), (_held and _held.devices) or gpus()
    num = (len(devices) or cores) if asked == "auto" else int(asked)
    num = max(1, min(num, num_trials))
    threads = max(1, cores // num)
    if not devices:
        return tuple(Place(threads=threads, device=None, share=1 / num) for _ in range(num))
    chosen = [devices[i % len(devices)] for i in range(num)]  # dealt out in turn
    return tuple(
        Place(threads=threads, device=name, share=1 / chosen.count(name), environment={"CUDA_VISIBLE_DEVICES": name})
        for name in chosen
    )


def free_of(places: Iterable[Place], held: Iterable[Place]) -> list[Place]:
    """The places that nobody holds; places may be alike, and each of those that are held is one of its kind."""
    taken, free = list(held), []
    for place in places:
        if place in taken:
            taken.remove(place)
        else:
            free.append(place)
    return free


def server_environment(places: tuple[Place, ...]) -> dict[str, str]:
    """Variables of the fork server: the thread count is read when the libraries are imported. The user's own stay."""
    usual = os.environ.get(_THREADS[0], str(places[0].threads))  # torch takes what is set for any of its libraries
    return {name: os.environ.get(name, usual) for name in _THREADS}


def num_cores(group: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores this process may use: those that it may run on, or what it gets of their time, if that is less.

    What it gets may be said by its container, by a control group in it, or by the engine that has started it.

    Args:
        group: Control group of the container, as the container sees it.
        own: Says which control group in there this process is in.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = (_quota(place) for place in _groups(group, own))
    return max(1, int(min(cores, cores_of_engine() or inf, *limits)))


def _groups(group: Path, own: Path) -> list[Path]:
    """The control groups of this process, from the container's own down, in version 2."""
    try:
        name = next(line for line in own.read_text().splitlines() if line.startswith("0::"))[3:].strip("/")
    except (OSError, StopIteration):
        return [group]
    parts = Path(name).parts if ".." not in name else ()
    return [group.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]


def _quota(group: Path) -> float:
    """Cores' worth of time per period; infinity without a limit."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # version 2, version 1
        try:
            quota, period = " ".join((group / file).read_text() for file in files).split()
            return inf if quota in ("max", "-1") else int(quota) / int(period)
        except (OSError, ValueError):
            continue
    return inf


def gpus() -> tuple[str, ...]:
    """The NVIDIA devices this process may use, found without starting CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(device for device in visible.split(",") if device not in ("", "-1"))
    return tuple(str(i) for i, _ in enumerate(Path("/dev").glob("nvidia[0-9]*")))
