import pytest

from sweeps.resources import Slots


def test_threads_of_one_trial_do_not_spin_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    wide, narrow = (Slots(num=1, devices=(), threads=threads).environment for threads in (4, 1))
    assert wide["OMP_NUM_THREADS"] == "4" and wide["OMP_WAIT_POLICY"] == "PASSIVE"
    assert narrow["OMP_NUM_THREADS"] == "1" and "OMP_WAIT_POLICY" not in narrow


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    found = Slots(num=1, devices=(), threads=2).environment
    assert (found["OMP_NUM_THREADS"], found["OMP_WAIT_POLICY"]) == ("3", "ACTIVE")


@pytest.mark.parametrize(("asked", "num_trials", "num"), [("auto", 100, 4), ("auto", 3, 3), (2, 100, 2), (8, 100, 8)])
def test_there_is_a_slot_a_core_but_none_without_a_trial(
    asked: int | str, num_trials: int, num: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.resources.num_cores", lambda: 4)
    monkeypatch.setattr("sweeps.resources.gpus", lambda: ())
    slots = Slots.of_this_machine(asked, num_trials)
    assert slots.num == num and slots.threads == max(1, 4 // num)
