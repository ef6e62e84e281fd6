import os
from pathlib import Path

import pytest

from sweeps.worker import placement
from sweeps.worker.placement import Place, places_of_this_machine, server_environment, settle_in


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPS_MACHINE_DIR", str(tmp_path / "machine"))
    monkeypatch.setattr(placement, "_held", None)


def of_a_machine(monkeypatch: pytest.MonkeyPatch, cores: int, *devices: str) -> None:
    monkeypatch.setattr(placement, "num_cores", lambda: cores)
    monkeypatch.setattr(placement, "gpus", lambda: devices)


def test_the_thread_count_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    places = (Place(threads=4, device=None, share=1.0),)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # this process has them, too
        monkeypatch.delenv(name, raising=False)
    assert server_environment(places)["OMP_NUM_THREADS"] == "4"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert set(server_environment(places).values()) == {"3"}  # torch takes what MKL has


@pytest.mark.parametrize(("asked", "num_trials", "num"), [("auto", 100, 4), ("auto", 3, 3), (2, 100, 2), (8, 100, 8)])
def test_there_is_a_place_per_core_but_none_without_a_trial(
    asked: int | str, num_trials: int, num: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_a_machine(monkeypatch, 4)
    places = places_of_this_machine(asked, num_trials)
    assert places == (Place(threads=max(1, 4 // num), device=None, share=1 / num),) * num


def test_gpus_are_dealt_out_in_turn_and_a_shared_one_is_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_machine(monkeypatch, 8, "0", "1")
    assert [place.device for place in places_of_this_machine("auto", 100)] == ["0", "1"]
    three = places_of_this_machine(3, 100)
    assert [(place.device, place.share) for place in three] == [("0", 0.5), ("1", 1.0), ("0", 0.5)]
    assert three[2].environment == {"CUDA_VISIBLE_DEVICES": "0"} and three[2].threads == 2


def test_a_worker_takes_as_many_gpus_as_it_has_slots_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_machine(monkeypatch, 8, "0", "1", "2")
    held = settle_in(1, 100)
    assert held.devices == ("0",)
    assert [place.device for place in places_of_this_machine(2, 100)] == ["0", "0"]  # two trials share it on request
    monkeypatch.setattr(placement, "_held", None)
    other = settle_in("auto", 100)
    assert [place.device for place in places_of_this_machine("auto", 100)] == list(other.devices) == ["1", "2"]
    assert places_of_this_machine("auto", 100)[0].threads == 2  # two workers, so each has four of eight cores
    monkeypatch.setattr(placement, "_held", None)
    third = settle_in("auto", 100)
    assert third.devices == () and third.holders == (os.getpid(),)
    held.end()
    assert settle_in("auto", 100).devices == ("0",)


def test_workers_of_one_machine_agree_on_their_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_machine(monkeypatch, 8)
    held = settle_in("auto", 100)
    assert len(places_of_this_machine("auto", 100)) == 8
    monkeypatch.setattr(placement, "_held", None)
    assert settle_in("auto", 100).num_workers == 2
    assert places_of_this_machine("auto", 100) == (Place(threads=1, device=None, share=1 / 4),) * 4
    assert places_of_this_machine(2, 100)[0].threads == 2
    held.end()


def test_workers_that_start_together_divide_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_machine(monkeypatch, 8, "0", "1", "2", "3")
    monkeypatch.setenv("SWEEPS_WORKERS_HERE", "2")
    assert settle_in("auto", 100).devices == ("0", "1")
    assert [place.threads for place in places_of_this_machine("auto", 100)] == [2, 2]


def test_what_an_engine_has_given_is_shared_as_the_engine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_machine(monkeypatch, 3, "0")
    monkeypatch.setenv("SWEEPS_CORES", "3")
    held = settle_in("auto", 100)
    monkeypatch.setattr(placement, "_held", None)
    assert held.devices == settle_in("auto", 100).devices == ("0",)  # half a GPU each, which the engine knows
    assert places_of_this_machine("auto", 100)[0].threads == 3


def test_the_devices_of_the_environment_are_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert placement.gpus() == ("2", "5")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert placement.gpus() == ()


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu.max": "garbage"}, 4),
        ({}, 4),
    ],
)
def test_the_time_that_a_container_gets_is_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert placement.num_cores(tmp_path, tmp_path / "none") == cores


def test_a_control_group_inside_of_the_container_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    (tmp_path / "job" / "task").mkdir(parents=True)
    (tmp_path / "own").write_text("1:name=x:/elsewhere\n0::/job/task\n")
    (tmp_path / "job" / "cpu.max").write_text("200000 100000\n")
    assert placement.num_cores(tmp_path, tmp_path / "own") == 2
    (tmp_path / "job" / "task" / "cpu.max").write_text("100000 100000\n")
    assert placement.num_cores(tmp_path, tmp_path / "own") == 1


def test_the_cores_of_a_batch_job_are_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert placement.num_cores(Path("/none"), Path("/none")) == 1
