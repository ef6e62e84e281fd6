"""How many trials this machine runs at a time, and on what."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Room for running trials.

    Attributes:
        num: Trials at a time.
        devices: The GPUs, shared out in turn; empty on a machine without.
        threads: Threads of each trial.
    """

    num: int
    devices: tuple[str, ...]
    threads: int

    @classmethod
    def of_this_machine(cls, asked: int | str, num_trials: int) -> "Slots":
        """`auto`: one a GPU, else one a core; never more than there are trials."""
        cores, devices = num_cores(), gpus()
        num = (len(devices) or cores) if asked == "auto" else int(asked)
        num = max(1, min(num, num_trials))
        return cls(num=num, devices=devices, threads=max(1, cores // num))

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the fork server: the thread count is read when the libraries are imported."""
        return {name: os.environ.get(name, str(self.threads)) for name in _THREADS}

    def environment_of(self, slot: int) -> Mapping[str, str]:
        """Variables of the trials of one slot."""
        if not self.devices:
            return {}
        return {"CUDA_VISIBLE_DEVICES": self.devices[slot % len(self.devices)]}


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> tuple[str, ...]:
    """The NVIDIA devices this process may use, found without starting CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(device for device in visible.split(",") if device not in ("", "-1"))
    return tuple(str(i) for i, _ in enumerate(Path("/dev").glob("nvidia[0-9]*")))
