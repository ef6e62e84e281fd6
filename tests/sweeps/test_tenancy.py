"""Workers of one machine find each other by locked files, in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sweeps.worker.tenancy import Tenancy, take

HOLD = """
import sys
from pathlib import Path
from sweeps.worker.tenancy import take
held = take("machine", ("0", "1"), int(sys.argv[2]), Path(sys.argv[1]))
print(",".join(held.devices), flush=True)
sys.stdin.read()
"""


@contextmanager
def worker(folder: Path, num_devices: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another worker that takes devices, and what it got."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(num_devices)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def mine(folder: Path, num_devices: int = 2, scope: str = "machine") -> Tenancy:
    return take(scope, ("0", "1"), num_devices, folder)


def test_two_workers_never_have_one_gpu(tmp_path: Path) -> None:
    with worker(tmp_path, 1) as (other, theirs):
        held = mine(tmp_path)
        assert (theirs, held.devices, held.num_workers) == ("0", ("1",), 2)
        assert held.holders == (other.pid,)
        assert mine(tmp_path).devices == ()  # a third one waits
        held.end()
        assert mine(tmp_path).devices == ("1",)


def test_a_killed_worker_holds_nothing(tmp_path: Path) -> None:
    with worker(tmp_path, 2) as (other, theirs):
        assert theirs == "0,1" and mine(tmp_path).devices == ()
        other.kill()
        other.wait()
        held = mine(tmp_path)
        assert held.devices == ("0", "1") and held.num_workers == 1
    assert len(list(tmp_path.glob("*.worker"))) == 1


def test_one_that_waits_does_not_count(tmp_path: Path) -> None:
    held = mine(tmp_path)
    assert mine(tmp_path).devices == () and mine(tmp_path).num_workers == 2
    held.end()
    assert mine(tmp_path).num_workers == 1


def test_devices_of_another_job_are_other_devices(tmp_path: Path) -> None:
    held = [mine(tmp_path), mine(tmp_path, scope="slurm-7")]
    assert [each.devices for each in held] == [("0", "1")] * 2


def test_without_devices_workers_are_counted(tmp_path: Path) -> None:
    held = [take("machine", (), 2, tmp_path) for _ in range(3)]
    assert [each.num_workers for each in held] == [1, 2, 3] and all(each.lock for each in held)


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes folders of others")
def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    held = take("machine", ("0", "1"), 2, tmp_path / "theirs")
    assert held.devices == ("0", "1") and not list((tmp_path / "theirs").iterdir())
