"""What a trial's process uses is recorded beside its task, and never ends it."""

import logging
import os
import time
from pathlib import Path

import psutil
import pytest

from sweeps.trial.curves import has_replaced
from sweeps.trial.journal import Journal, read, samples
from sweeps.worker import system
from sweeps.worker.system import CPU, MEMORY, measured, usage


def test_load_and_memory_of_the_process_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "FIRST_S", 0.05)
    monkeypatch.setattr(system, "INTERVAL_S", 0.05)
    with measured(tmp_path, True):
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            pass
    found = list(samples(tmp_path / "journal.jsonl"))
    load = [sample.value for sample in found if sample.name == CPU]
    memory = [sample.value for sample in found if sample.name == MEMORY]
    assert len(load) == len(memory) >= 2 and max(load) > 20
    assert 10 < max(memory) < 1e5
    assert [sample.step for sample in found if sample.name == CPU] == list(range(len(load)))


def test_a_short_task_has_one_sample_and_without_the_switch_there_is_none(tmp_path: Path) -> None:
    began = time.monotonic()
    with measured(tmp_path, True):
        pass
    assert time.monotonic() - began < 1.0
    assert [sample.step for sample in samples(tmp_path / "journal.jsonl")] == [0, 0]
    with measured(tmp_path / "other", False):
        pass
    assert not (tmp_path / "other").exists()


def test_a_trial_that_continues_goes_on_behind_its_earlier_steps(tmp_path: Path) -> None:
    for attempt in (1, 2):
        journal = Journal(tmp_path)
        journal.event("attempt", attempt=attempt)
        Journal(tmp_path).log({"loss": 1.0 / attempt}, attempt)
        with measured(tmp_path, True):
            pass
    assert [sample.step for sample in samples(tmp_path / "journal.jsonl") if sample.name == CPU] == [0, 1]
    assert not has_replaced(read(tmp_path / "journal.jsonl")[0])


def test_what_goes_wrong_with_it_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(system, "used_gb", lambda pid: 1 / 0)
    with caplog.at_level(logging.WARNING), measured(tmp_path, True):
        pass
    assert "recorded no more: division by zero" in caplog.text


def test_a_gpu_is_asked_only_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cuda:
        is_initialized = staticmethod(lambda: True)
        memory_reserved = staticmethod(lambda: 5_000_000)
        utilization = staticmethod(lambda: 1 / 0)

    monkeypatch.setitem(system.sys.modules, "torch", type("Torch", (), {"cuda": Cuda}))
    assert usage(psutil.Process(os.getpid()))[system.GPU_MEMORY] == 5.0
    Cuda.is_initialized = staticmethod(lambda: False)
    assert set(usage(psutil.Process(os.getpid()))) == {CPU, MEMORY}
