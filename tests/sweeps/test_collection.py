"""A start collects little garbage; what runs afterwards is collected as Python does it."""

import subprocess
import sys

_TRAINED = """
import gc
usual = gc.get_threshold()
from trainer_pkg.command import one_line_errors
from trainer_pkg.postponed import collect_as_usual
seen = []
one_line_errors(lambda: (seen.append(gc.get_threshold()), collect_as_usual()))()
assert seen == [(50_000, 10, 10)] and gc.isenabled() and gc.get_threshold() == usual
"""
_SERVED = """
import gc
usual = gc.get_threshold()
import sweeps.worker.preload_first
assert not gc.isenabled()
import sweeps.worker.preload
assert gc.isenabled() and gc.get_threshold() == usual and gc.get_freeze_count() > 1000
"""


def test_the_fork_server_collects_once_and_its_trials_as_ever() -> None:
    done = subprocess.run([sys.executable, "-c", _SERVED], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_is_collected_as_ever_once_it_has_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _TRAINED], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
