"""Samples of single values stand at step 0, however the journal is cut into calls."""

import random

import pytest

from sweeps.tracking.steps import Steps, settled
from sweeps.trial.curves import Sample


def sample(name: str, value: float, step: int, second: float) -> Sample:
    return Sample(name, value, step, int(1000 * second))


JOURNAL = [
    sample("num_parameters", 8558.0, 0, 0),
    sample("val/acc", 0.5, 10, 1),
    sample("slow/acc", 0.1, 10, 1),
    sample("val/acc", 0.6, 20, 30),
    sample("val/acc", 0.7, 30, 62),
    sample("test/acc", 0.65, 30, 63),
    sample("slow/acc", 0.2, 40, 64),
]


def test_a_metric_with_one_value_stands_at_step_0() -> None:
    made = settled(JOURNAL, 64_000)
    assert sorted((each.name, each.step, each.value) for each in made) == [
        ("num_parameters", 0, 8558.0),
        ("slow/acc", 10, 0.1),
        ("slow/acc", 40, 0.2),
        ("test/acc", 0, 0.65),
        ("val/acc", 10, 0.5),
        ("val/acc", 20, 0.6),
        ("val/acc", 30, 0.7),
    ]


def test_a_first_value_is_not_kept_back_for_longer_than_a_minute() -> None:
    steps = Steps()
    assert steps.passed([sample("val/acc", 0.5, 10, 1)], 1_000) == []
    assert steps.passed([sample("loss", 2.0, 11, 30), sample("loss", 1.0, 12, 50)], 50_000) == [
        sample("loss", 2.0, 11, 30),
        sample("loss", 1.0, 12, 50),
    ]
    assert steps.passed([sample("loss", 0.9, 20, 62)], 62_000) == [
        sample("loss", 0.9, 20, 62),
        sample("val/acc", 0.5, 10, 1),
    ]
    assert steps.rest() == []


@pytest.mark.parametrize("seed", range(20))
def test_cuts_and_restarts_change_nothing(seed: int) -> None:
    generator = random.Random(seed)
    steps, sent, rest = Steps(), [], list(JOURNAL)
    while rest:
        count = generator.randint(1, 3)
        some, rest = rest[:count], rest[count:]
        sent += steps.passed(some, some[-1].time_ms)
        if generator.random() < 0.5:
            steps = Steps(steps.state())
    assert sorted([*sent, *steps.rest()]) == sorted(settled(JOURNAL, 64_000))
