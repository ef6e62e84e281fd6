"""What a launcher of ours can be told, under `hydra.launcher`."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RayWorkers:
    """Options of `hydra/launcher=ray_workers`; each worker gets what is said here, and `study.num_workers` of them.

    Attributes:
        address: Ray's cluster; None: `RAY_ADDRESS`, the one that runs on this machine, or a new one there.
        num_cpus: Cores of a worker, and without a GPU its slots.
        num_gpus: GPUs of a worker, or the share of one that it has.
        memory_gb: Memory of a worker in 10^9 bytes, for Ray's placement; None: Ray does not look at it.
        resources: Further resources of Ray's by name, such as a kind of machine.
        strategy: `SPREAD` puts workers on different nodes first, `DEFAULT` fills one node after the other.
    """

    _target_: str = "sweeps.launchers.ray_workers"
    address: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    memory_gb: float | None = None
    resources: dict[str, float] = field(default_factory=dict)
    strategy: str = "SPREAD"


OPTIONS: dict[str, Any] = {"ray_workers": RayWorkers}
"""Launcher of ours to its options; one that is not here has none."""
