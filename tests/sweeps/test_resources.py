import pytest

from sweeps.worker.placement import Slots


def test_the_thread_count_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = Slots(num=1, devices=(), threads=4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert slots.environment["OMP_NUM_THREADS"] == "4"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert slots.environment["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(("asked", "num_trials", "num"), [("auto", 100, 4), ("auto", 3, 3), (2, 100, 2), (8, 100, 8)])
def test_there_is_a_slot_a_core_but_none_without_a_trial(
    asked: int | str, num_trials: int, num: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.worker.placement.num_cores", lambda: 4)
    monkeypatch.setattr("sweeps.worker.placement.gpus", lambda: ())
    slots = Slots.of_this_machine(asked, num_trials)
    assert slots.num == num and slots.threads == max(1, 4 // num)
