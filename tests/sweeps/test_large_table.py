"""What the table of a study of ten thousand trials costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import BIN
from tests.studies import url

NUM, NUM_METRICS = 10_000, 20
# From a small process: what a child has used includes the memory of the process that it was forked from.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_trials_take_less_than_ten_seconds_and_a_gigabyte(tmp_path: Path) -> None:
    study = Study.create(Database(url(tmp_path)), "large", ["maximize"], {"objective": ["val/acc"]})
    study.add(
        [Point(overrides={"lr": f"{i // 5 / 1000}", "seed": f"{i % 5}"}, varied=("lr", "seed")) for i in range(NUM)]
    )
    while (claim := study.claim("w", None)) is not None:
        metrics = {f"test/head{k}_acc": 0.9 + 1e-6 * (claim.number * 7919 % 1009 + k) for k in range(NUM_METRICS)}
        study.tell(claim, Completed(values=(0.9,), metrics=metrics, duration_s=1.0))
    study.declare({f"test/head{k}_acc": "max" for k in range(NUM_METRICS)})
    command = [sys.executable, "-c", MEASURED, BIN / "sweeps", "table", "large", "--storage", url(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count("\n| ") == NUM // 5 and "**" in done.stdout, done.stderr
    cpu_s, memory_kb = map(float, done.stderr.split())
    assert cpu_s < 10  # of the processor, which other work on this machine does not change
    assert memory_kb < 1_000_000
