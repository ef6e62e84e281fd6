"""What a worker was granted by whoever started it: time, cores, and a machine that it shares."""

import os
import re
import subprocess
import time
from collections.abc import Mapping

from sweeps.errors import StudyError

ENDS_AT = "SWEEPS_ENDS_AT"
"""When the worker has to be gone, in seconds since the epoch."""

CORES = "SWEEPS_CORES"
"""Cores that an engine has given to this worker alone; its devices are then this worker's, too."""

WORKERS_HERE = "SWEEPS_WORKERS_HERE"
"""How many workers were started together on this machine."""

REQUEUE = "SWEEPS_REQUEUE"
"""Set where a worker whose time is over asks Slurm to queue its job again."""

_TIME = re.compile(r"(?:(?:(?P<d>\d+)-)?(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d+)?)")


def seconds_of(text: str) -> float:
    """Seconds of `90`, `1:30` (minutes and seconds), `1:30:00` or `2-12:00:00`, as Slurm and others write times.

    Raises:
        StudyError: It is none, or no time at all.
    """
    found = _TIME.fullmatch(text.strip())
    parts = {name: float(value) for name, value in found.groupdict().items() if value} if found else {}
    total_s = sum(parts.get(name, 0.0) * size_s for name, size_s in zip("dhms", (86400, 3600, 60, 1), strict=True))
    if total_s <= 0:
        raise StudyError(f"--max-time={text} must be seconds, 1:30 (minutes:seconds), 1:30:00 or 2-12:00:00.")
    for name, above, most, unit in (("h", "d", 24, "hours"), ("m", "h", 60, "minutes"), ("s", "m", 60, "seconds")):
        if above in parts and parts[name] >= most:
            raise StudyError(
                f"--max-time={text} has {parts[name]:g} {unit}; beside a larger unit they are below {most}."
            )
    return total_s


def grant(max_time: str | None, *, is_requeued: bool) -> None:
    """Tell the worker that this process becomes how long it may work, and what then."""
    if max_time is not None:
        os.environ[ENDS_AT] = str(time.time() + seconds_of(max_time))
    if is_requeued:
        os.environ[REQUEUE] = "1"


def ends_at(environment: Mapping[str, str] = os.environ) -> float | None:
    """When this worker has to be gone, in seconds since the epoch; None: never."""
    return float(environment[ENDS_AT]) if environment.get(ENDS_AT) else None


def cores_of_engine(environment: Mapping[str, str] = os.environ) -> float | None:
    """Cores that the engine which started this process has given it; None: no engine says so."""
    for name in (CORES, "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        try:
            return float(environment[name])
        except (KeyError, ValueError):
            continue
    return None


def is_alone(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an engine has given this process what nobody else has, so that it need not look at other workers."""
    return CORES in environment


def num_workers_here(environment: Mapping[str, str] = os.environ) -> int:
    """How many workers, this one included, were started together on this machine."""
    number = environment.get(WORKERS_HERE, "1")
    return max(1, int(number)) if number.isdigit() else 1


def scope(environment: Mapping[str, str] = os.environ) -> str:
    """Names the part of the machine that workers compete for: all of it, or what a job of Slurm has.

    Device 0 of one job can be another device than device 0 of the next.
    """
    job = environment.get("SLURM_JOB_ID", "")
    if not job:
        return "machine"
    # Where each task has devices of its own, each counts them from 0.
    own = ".".join(environment.get(name, "") for name in ("SLURM_STEP_ID", "SLURM_PROCID"))
    return f"slurm-{job}.{own}" if "SLURM_GPUS_PER_TASK" in environment else f"slurm-{job}"


def requeue(environment: Mapping[str, str] = os.environ) -> None:
    """Ask Slurm to queue this job again, if that was wanted; Slurm then ends what is left of it."""
    job = environment.get("SLURM_JOB_ID")
    if job and environment.get(REQUEUE):
        subprocess.run(["scontrol", "requeue", job], check=False)
