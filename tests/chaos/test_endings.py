"""Trials that get stuck or take too much: gone in time, with everything they have started."""

import time
from pathlib import Path

import pytest

from sweeps.outcome import Failed
from sweeps.worker import memory
from tests.conftest import Commands, wait_for
from tests.invariants import alive_in, study

pytestmark = pytest.mark.long

TIMEOUT_S = 6


@pytest.mark.timeout(300)
def test_a_fit_stuck_in_a_step_a_loader_or_a_checkpoint_is_gone_with_its_group(commands: Commands) -> None:
    line = ("-m", "mode=ok,step,loader,checkpoint", "study.name=s", f"study.trial_timeout_s={TIMEOUT_S}")
    result = commands.run("fit", *line)
    assert result.returncode == 1, result.stderr
    assert alive_in(commands) == []
    ok, *stuck = study(commands).trials()
    assert ok.state == "completed"
    for trial in stuck:
        assert isinstance(trial.outcome, Failed) and trial.outcome.cause == "timeout", trial
        assert TIMEOUT_S <= trial.outcome.duration_s < TIMEOUT_S + 5
        assert "x=1.0" in trial.outcome.log_tail
        assert f"trial {trial.number} failed (timeout)" in result.stderr


def test_a_trial_that_takes_too_much_memory_is_ended_with_that_cause(commands: Commands) -> None:
    line = ("-m", "mode=ok,hog", "study.name=s", "study.trial_memory_gb=1.5", "study.max_retries=0", "study.lease_s=1")
    result = commands.run("fake", *line)
    assert result.returncode == 1, result.stderr
    ok, hog = study(commands).trials()
    assert ok.state == "completed"
    assert isinstance(hog.outcome, Failed) and hog.outcome.cause == "out_of_memory"
    assert "study.trial_memory_gb" in hog.outcome.detail and "x=1.0" in hog.outcome.log_tail
    assert alive_in(commands) == []


def test_memory_is_that_of_the_process_and_its_children(commands: Commands) -> None:
    worker = commands.start("fake", "-m", "mode=hold", "x=1,2", "study.name=s", "study.slots=1")
    wait_for(lambda: (commands.folder / "held.txt").exists())
    pid = int((commands.folder / "held.txt").read_text())
    assert 0.6 < memory.used_gb(pid) < 1.0  # 300 MB in the trial, 300 MB in its child
    worker.terminate()
    worker.communicate(timeout=60)
    assert memory.used_gb(pid) == 0 and alive_in(commands) == []


def test_a_kill_for_lack_of_memory_is_told_from_any_other(tmp_path: Path) -> None:
    events, machine = tmp_path / "memory.events", tmp_path / "vmstat"
    events.write_text("low 0\noom 4\noom_kill 3\noom_group_kill 9\n")
    machine.write_text("pgfault 7\noom_kill 2\n")
    assert memory.num_oom_kills([events, machine, tmp_path / "absent"]) == 5
    assert memory.num_oom_kills() >= 0


@pytest.mark.slow  # tests/e2e/test_sweep.py has a hung trial beside one that ends
def test_nothing_waits_behind_a_stuck_trial(commands: Commands) -> None:
    began = time.monotonic()
    line = ("-m", "mode=hang,ok", "x=1,2,3", "study.name=s", "study.stall_timeout_s=4", "study.max_retries=0")
    result = commands.run("fake", *line)
    assert result.returncode == 1 and time.monotonic() - began < 60
    states = [trial.state for trial in study(commands).trials()]
    assert sorted(states) == ["completed"] * 3 + ["failed"] * 3


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_trial_that_takes_its_server_down_each_time_fails_in_the_end(commands: Commands) -> None:
    """Twenty attempts, with pauses of seven minutes between them in all."""
    result = commands.run("fake", "-m", "mode=server,ok", "sleep_s=0.1", "study.name=s", "study.slots=1", timeout=900)
    assert result.returncode == 1, result.stderr
    fatal, ok = study(commands).trials()
    assert isinstance(fatal.outcome, Failed) and fatal.outcome.cause == "crash" and fatal.attempt >= 20
    assert ok.state == "completed"
