"""How long what is left of a study takes, from trials of the same kind."""

import pytest

from sweeps.outcome import Completed
from sweeps.report.pace import Left, Pace
from sweeps.space import Point
from sweeps.study.records import AGE, DONE, TrialRow


def trial(
    number: int, state: str = "open", duration_s: float = 0.0, age_s: float = 0.0, done: float = -1.0, **point: str
) -> TrialRow:
    progress = {AGE: age_s, **({DONE: done} if done >= 0 else {})} if state == "running" else {}
    outcome = Completed(values=(1.0,), duration_s=duration_s) if state == "completed" else None
    made = Point(overrides=point, varied=tuple(point))
    return TrialRow(number=number, state=state, attempt=1, point=made, worker="w", progress=progress, outcome=outcome)


ENDED = [
    trial(0, "completed", 10.0, model="cnn", lr="0.1", seed="0"),
    trial(1, "completed", 12.0, model="cnn", lr="0.2", seed="0"),
    trial(2, "completed", 100.0, model="vit", lr="0.1", seed="0"),
    trial(3, "completed", 110.0, model="vit", lr="0.2", seed="1"),
]


@pytest.mark.parametrize(("model", "expected"), [("cnn", 11.0), ("vit", 105.0), ("dense", None)])
def test_a_trial_takes_as_long_as_those_of_its_kind_and_not_the_mean_of_all(model: str, expected: float | None) -> None:
    assert Pace(ENDED, "seed").whole_s(trial(9, model=model, lr="0.3", seed="4")) == expected


def test_of_a_kind_that_has_not_run_nothing_is_known() -> None:
    assert Pace(ENDED[:2], "seed").whole_s(trial(9, model="vit", lr="0.1", seed="0")) is None
    assert Pace([], "seed").whole_s(trial(9, model="vit")) is None


def test_numbers_that_a_sampler_draws_are_of_one_kind() -> None:
    seen = [trial(i, "completed", 10.0 + i, x=str(i / 7)) for i in range(5)]
    assert Pace(seen, "seed").whole_s(trial(9, x="0.123")) == 12.0


def test_a_running_trial_knows_itself_how_far_it_is() -> None:
    pace = Pace(ENDED, "seed")
    assert pace.left_s(trial(5, "running", age_s=30.0, done=0.25, model="cnn", lr="0.1", seed="1")) == 90.0
    assert pace.left_s(trial(5, "running", age_s=30.0, done=0.01, model="vit", lr="0.1", seed="1")) == 75.0
    assert pace.left_s(trial(5, "running", age_s=30.0, model="cnn", lr="0.1", seed="1")) == 0.0
    # What runs tells the duration of its kind, too.
    running = trial(5, "running", age_s=30.0, done=0.5, model="dense", lr="0.1", seed="0")
    assert Pace([*ENDED, running], "seed").whole_s(trial(6, model="dense", lr="0.1", seed="1")) == 60.0


def test_the_time_that_is_left_of_a_study() -> None:
    running = [
        trial(4, "running", age_s=5.0, model="cnn", lr="0.1", seed="1"),
        trial(5, "running", age_s=5.0, model="vit", lr="0.1", seed="1"),
    ]
    waiting = [trial(6, model="cnn", lr="0.2", seed="1"), trial(7, model="vit", lr="0.1", seed="2")]
    pace = Pace([*ENDED, *running], "seed")
    assert pace.of_study([*ENDED, *running, *waiting]) == Left((6.0 + 100.0 + 11.0 + 105.0) / 2, True)
    assert pace.of_study([*ENDED, running[1]]) == Left(100.0, True)
    assert pace.of_study([*running, trial(8, model="new", lr="0.1", seed="0")]) == Left(100.0, False)
    assert pace.of_study([*ENDED, *waiting]) is None  # nobody works on it
