"""A launcher as a project of its own would write it: pickles the order and works on it in fresh processes."""

import pickle
import subprocess
import sys

from sweeps.worker.order import WorkOrder

CODE = "import pickle, sys; from sweeps.launchers.here import work; sys.exit(work(pickle.load(sys.stdin.buffer)))"


def launch(order: WorkOrder, num_workers: int) -> list[int]:
    workers = [subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE) for _ in range(num_workers)]
    for worker in workers:
        worker.communicate(pickle.dumps(order))
    return [worker.returncode for worker in workers]
