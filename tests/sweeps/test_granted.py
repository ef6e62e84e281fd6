"""What an engine, a batch script or a person gives a worker."""

import os
import stat
import time
from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.granted import cores_of_engine, ends_at, grant, requeue, scope, seconds_of


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("90", 90), ("0.5", 0.5), ("1:30", 90), ("1:30:00", 5400), ("2-12:00:00", 216_000), (" 10 ", 10)],
)
def test_a_time_is_written_as_slurm_writes_it(typed: str, expected: float) -> None:
    assert seconds_of(typed) == expected


@pytest.mark.parametrize("typed", ["", "0", "-1", "1h", "nan", "1:2:3:4", "0:00"])
def test_what_is_no_time_is_refused(typed: str) -> None:
    with pytest.raises(StudyError, match=r"must be seconds, 1:30 \(minutes:seconds\), 1:30:00 or 2-12:00:00"):
        seconds_of(typed)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("1:99:00", "1:99:00 has 99 minutes; beside a larger unit they are below 60."),
        ("1:60", "1:60 has 60 seconds; beside a larger unit they are below 60."),
        ("1-24:00:00", "1-24:00:00 has 24 hours; beside a larger unit they are below 24."),
    ],
)
def test_a_part_that_the_next_unit_would_hold_is_refused(typed: str, told: str) -> None:
    with pytest.raises(StudyError, match=f"--max-time={told}"):
        seconds_of(typed)
    assert (seconds_of("99:00"), seconds_of("100:00:00")) == (5940, 360_000)  # the largest unit has no end


def test_a_worker_is_told_when_it_has_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SWEEPS_ENDS_AT", "SWEEPS_REQUEUE"):
        monkeypatch.setenv(name, "")
    grant("1:00", is_requeued=False)
    assert ends_at() == pytest.approx(time.time() + 60, abs=2)
    assert ends_at({}) is None and os.environ["SWEEPS_REQUEUE"] == ""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"SLURM_CPUS_ON_NODE": "8"}, 8),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "2"}, 2),
        ({"SLURM_CPUS_PER_TASK": "2", "SWEEPS_CORES": "0.5"}, 0.5),
        ({"SLURM_CPUS_ON_NODE": "many"}, None),
    ],
)
def test_the_cores_of_an_allocation(environment: dict[str, str], expected: float | None) -> None:
    assert cores_of_engine(environment) == expected


def test_jobs_of_slurm_do_not_compete_and_tasks_with_devices_of_their_own_neither() -> None:
    job = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}
    per_task = {**job, "SLURM_GPUS_PER_TASK": "1"}
    first, second = ({**per_task, "SLURM_PROCID": rank} for rank in "01")
    assert scope({}) == scope({}) != scope(job) == scope({**job, "SLURM_PROCID": "1"})
    assert len({scope(first), scope(second), scope(job), scope({"SLURM_JOB_ID": "8"})}) == 4


def test_slurm_is_asked_only_where_that_was_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked.txt\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    requeue({"SLURM_JOB_ID": "7"})
    requeue({"SWEEPS_REQUEUE": "1"})
    assert not (tmp_path / "asked.txt").exists()
    requeue({"SLURM_JOB_ID": "7", "SWEEPS_REQUEUE": "1"})
    assert (tmp_path / "asked.txt").read_text() == "requeue 7\n"
