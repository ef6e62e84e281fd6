from pathlib import Path

import pytest

from sweeps.worker import placement
from sweeps.worker.placement import Place, places_of_this_machine, server_environment


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
    assert placement.num_cores(tmp_path) == cores
