"""Load, memory and GPU of a trial's process, measured by a thread beside its task."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from sweeps.trial.journal import Journal
from sweeps.worker.memory import used_gb

log = logging.getLogger(__name__)

FIRST_S, INTERVAL_S = 1.0, 10.0
"""When the first sample is taken, and how long it is to each next one; the last one is taken at the end."""

CPU, MEMORY = "system/process_cpu_percent", "system/process_memory_megabytes"
GPU, GPU_MEMORY = "system/gpu_utilization_percent", "system/gpu_memory_megabytes"
"""MLflow's pages show metrics with this prefix on a page of their own."""


@contextlib.contextmanager
def measured(directory: Path, is_wanted: bool) -> Iterator[None]:
    """Meanwhile record what the process uses, every ten seconds; what goes wrong with that ends only the recording.

    Args:
        directory: The trial's directory.
        is_wanted: Whether anything is recorded.
    """
    if not is_wanted:
        yield
        return
    is_over = threading.Event()
    thread = threading.Thread(target=_record, args=(Journal(directory), is_over), name="system metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(timeout=1.0)


def usage(process: psutil.Process) -> dict[str, float]:
    """What a process uses now: percent of one core since the last call, megabytes of its own and of its children."""
    found = {CPU: float(process.cpu_percent()), MEMORY: 1000 * used_gb(process.pid)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        found[GPU_MEMORY] = torch.cuda.memory_reserved() / 1e6
        with contextlib.suppress(Exception):  # it asks a library that may not be installed
            found[GPU] = float(torch.cuda.utilization())
    return found


def _record(journal: Journal, is_over: threading.Event) -> None:
    try:
        process = psutil.Process(os.getpid())
        process.cpu_percent()  # from here on it counts
        pause_s, has_ended = FIRST_S, False
        while not has_ended:
            has_ended = is_over.wait(pause_s)
            pause_s = INTERVAL_S
            # A trial that continues goes on behind the steps of its earlier attempts.
            journal.log(usage(process), journal.next_step(CPU))
    # Whatever a disk, a driver or the system says: the trial goes on.
    except Exception as error:
        log.warning("Its load is recorded no more: %s", error)
