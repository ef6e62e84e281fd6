"""Disks that are full, read-only, forbidden or gone: one line with the cause, and nothing burnt."""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.outcome import Failed
from sweeps.trial.disk import lack_in, lack_of
from tests.conftest import Commands, wait_for
from tests.invariants import alive_in, study

pytestmark = pytest.mark.long


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only the administrator can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_one_line_before_anything_starts(commands: Commands, small_disk: Path) -> None:
    (small_disk / "fill").write_bytes(bytes(2 * 1024 * 1024 - 4096))
    done = commands.run("fake", "-m", "x=1,2", "study.name=s", f"study.directory={small_disk}/studies")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert f"study.directory: {small_disk}/studies/s cannot be written: No space left on device." in done.stderr
    assert [path.name for path in small_disk.iterdir()] == ["fill"] and commands.made() == ["disk"]


def test_a_read_only_disk_is_one_line_before_anything_starts(commands: Commands, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = commands.run("fake", "-m", "x=1,2", "study.name=s", f"study.directory={small_disk}/a/b")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "cannot be written: Read-only file system." in done.stderr and commands.made() == ["disk"]


def test_a_disk_that_fills_up_in_mid_sweep_fails_no_trial(commands: Commands, small_disk: Path) -> None:
    line = ("-m", "x=1,2,3,4,5,6", "sleep_s=2", "study.name=s", "study.slots=2", f"study.directory={small_disk}")
    url = f"sqlite:///{commands.folder}/studies.db"
    worker = commands.start("fake", *line, f"study.storage={url}")
    wait_for(lambda: (commands.folder / "executions.txt").exists())
    filled(small_disk)
    wait_for(lambda: study(commands, url=url).counts()["running"] == 0)
    assert study(commands, url=url).counts()["open"] >= 2
    (small_disk / "fill").unlink()
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert err.count("cannot be written: No space left on device. No trial is started until it can be.") == 1
    assert [trial.state for trial in study(commands, url=url).trials()] == ["completed"] * 6


def filled(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as fill:
        while fill.write(bytes(4096)) == 4096 and os.statvfs(disk).f_bavail > 1:
            pass


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_disk_that_fills_up_again_and_again_costs_no_point(commands: Commands, small_disk: Path) -> None:
    """Or it becomes read-only. At whatever moment: each point has its result in the end. The seed is printed."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    url = f"sqlite:///{commands.folder}/studies.db"
    points = ",".join(map(str, range(1, 41)))
    line = ("-m", f"x={points}", "sleep_s=2", "study.name=s", "study.slots=2", "study.max_retries=20")
    worker = commands.start("fake", *line, f"study.directory={small_disk}", f"study.storage={url}")
    wait_for(lambda: (commands.folder / "executions.txt").exists())
    while worker.poll() is None:
        time.sleep(generator.uniform(0.0, 6.0))
        if generator.random() < 0.5:
            filled(small_disk)
            time.sleep(generator.uniform(0.0, 5.0))
            (small_disk / "fill").unlink()
        else:  # where a file is open for writing, the system refuses
            done = subprocess.run(["mount", "-o", "remount,ro", small_disk], capture_output=True)
            time.sleep(generator.uniform(0.0, 5.0))
            if done.returncode == 0:
                subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    _, err = worker.communicate()
    # Three attempts in a row may have met the full disk: then the command has ended with one line, and goes on.
    assert worker.returncode in (0, 1) and "Traceback" not in err, err
    again = commands.run(
        "fake", *line, "study.retry_failed=true", f"study.directory={small_disk}", f"study.storage={url}"
    )
    assert again.returncode == 0, again.stderr
    assert [trial.state for trial in study(commands, url=url).trials()] == ["completed"] * 40


def test_trials_that_fail_for_lack_of_a_disk_say_so_and_stop_the_sweep(commands: Commands) -> None:
    """Their own disk is full, not the study's."""
    done = commands.run("fake", "-m", "mode=full", "x=1,2,3,4,5,6,7,8,9", "study.name=s", "study.slots=1")
    assert done.returncode == 1 and alive_in(commands) == []
    said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and "3 attempts in a row have failed for lack of a disk to write to" in said[0]
    assert "[Errno 28] No space left on device" in said[0]
    trials = study(commands).trials()
    assert sum(trial.state == "open" for trial in trials) >= 7
    assert {trial.outcome.cause for trial in trials if isinstance(trial.outcome, Failed)} <= {"disk"}


def test_a_directory_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    assert lack_of(tmp_path / "a" / "b") is None and list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert lack_of(tmp_path / "file" / "b") == f"{tmp_path}/file/b cannot be written: Not a directory"
    assert (lack_of(Path("/proc/studies")) or "").startswith("/proc/studies cannot be written: ")


def test_the_error_of_a_disk_is_found_below_what_a_library_has_made_of_it() -> None:
    try:
        try:
            Path("/dev/full").write_text("x")
        except OSError as full:
            raise RuntimeError("PytorchStreamWriter failed writing file") from full
    except RuntimeError as error:
        assert (lack_in(error) or OSError()).errno == 28
    assert lack_in(FileNotFoundError(2, "No such file")) is None and lack_in(ValueError("x")) is None


def test_a_database_that_is_deleted_in_mid_sweep_ends_it_with_one_line(commands: Commands) -> None:
    worker = commands.start("fake", "-m", "mode=hang", "x=1,2,3", "study.name=s")
    wait_for(lambda: (commands.folder / "executions.txt").exists())
    for path in (commands.folder / "studies").glob("studies.db*"):
        path.unlink()
    _, err = worker.communicate(timeout=15)
    assert worker.returncode == 1, err
    assert err.count("\n") == 1 and "was deleted or replaced while it was in use" in err
    assert alive_in(commands) == [] and not (commands.folder / "studies" / "studies.db").exists()
