import math
from pathlib import Path

import pytest

from sweeps.space import Point
from sweeps.study.moasha import MoAsha, in_order
from sweeps.study.pruning import make_pruner
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.curves import Curve, curves, feed

TWO = {"loss": "minimize", "cost": "minimize"}


def test_fronts_come_one_after_the_other() -> None:
    points = [(3, 3), (1, 2), (2, 1), (2, 2), (4, 4)]
    assert in_order(points) == [1, 2, 3, 0, 4]


def test_within_a_front_the_order_covers_it_before_it_fills_it() -> None:
    # On one line: the best of the first objective, the other end, the middle, then what is left, first come first.
    line = [(i, 8 - i) for i in range(9)]
    assert in_order(line) == [0, 8, 4, 2, 6, 1, 3, 5, 7]
    assert in_order([(1000.0 * a, b) for a, b in line]) == in_order(line)  # units do not count


def test_what_is_not_finite_is_the_worst() -> None:
    assert in_order([(math.nan, 0.0), (5.0, 5.0), (1.0, math.inf), (0.0, 9.0)]) == [3, 1, 0, 2]
    assert in_order([(math.nan, math.nan), (math.inf, 1.0)]) == [0, 1] and in_order([(1.0, 1.0)] * 3) == [0, 1, 2]


def test_one_objective_is_asha() -> None:
    pruner = MoAsha(reduction_factor=3)
    values = [5.0, 4.0, 6.0, 4.5, 3.0, 4.2, 9.0]
    # The k-th to come goes on where at most k / 3 are better.
    stopped = [pruner.stops([value], [[other] for other in values[:i]]) for i, value in enumerate(values)]
    assert stopped == [False, False, True, False, False, False, True]


def test_rungs_grow_by_the_factor() -> None:
    rungs = [MoAsha(min_resource=2, reduction_factor=3).rung_of(step) for step in range(20)]
    assert rungs == [None, None, *[2] * 4, *[6] * 12, 18, 18]


@pytest.mark.parametrize(
    ("options", "told"), [({"min_resource": 0}, "at least 1"), ({"reduction_factor": 1}, "least 2")]
)
def test_too_small_an_option_is_refused(options: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MoAsha(**options)


def hypervolume(points: list[tuple[float, float]]) -> float:
    """Area below (3, 1) that the points dominate."""
    area, low = 0.0, 1.0
    for x, y in sorted(points):
        area += max(0.0, 3.0 - x) * max(0.0, low - y)
        low = min(low, y)
    return area


def ends(found: list[Curve]) -> list[tuple[float, float]]:
    return [(curve[-1]["loss"], curve[-1]["cost"]) for curve in found]


def test_two_objectives_keep_their_front_with_a_third_of_the_steps(tmp_path: Path) -> None:
    shares, steps = [], []
    for seed in range(3):
        found = curves(48, seed=seed)
        (folder := tmp_path / str(seed)).mkdir()
        fed = feed(folder, found, "moasha", objectives=TWO)
        kept = [end for number, end in enumerate(ends(found)) if number not in fed.pruned]
        shares.append(hypervolume(kept) / hypervolume(ends(found)))
        steps.append(fed.num_steps / (48 * 9))
    assert min(shares) > 0.9 and max(steps) < 0.5, (shares, steps)


def opened(storage_url: str, num: int = 4) -> Study:
    study = Study.create(Database(storage_url), "s", ["minimize", "maximize"], {"objective": ["loss", "acc"]})
    study.add([Point(overrides={"x": str(i)}, varied=("x",)) for i in range(num)])
    study.use(make_pruner("moasha", None))
    return study


def test_workers_share_the_rungs_and_look_at_a_trial_once_per_rung(storage_url: str) -> None:
    one, other = opened(storage_url), opened(storage_url)
    good, bad = one.claim("a", None), other.claim("b", None)
    assert good is not None and bad is not None
    assert not one.should_prune(good, {"loss": 1.0, "acc": 0.9}, 1)
    assert not other.should_prune(bad, {"loss": 2.0}, 0)  # an objective is missing: no report of both
    assert not other.should_prune(bad, {"acc": 0.1}, 1) and not other.should_prune(bad, {"else": 0.0}, 1)
    assert other.should_prune(bad, {"loss": 2.0}, 1)  # both of one step are there, one after the other
    # An attempt that was interrupted reports its step again, in another process: the rung has had its look.
    assert not opened(storage_url).should_prune(bad, {"loss": 2.0, "acc": 0.1}, 2)
    assert other.should_prune(bad, {"loss": 2.0, "acc": 0.1}, 3) is False  # nobody else has come as far


@pytest.mark.parametrize(("ways", "pruned"), [(("minimize", "maximize"), {1, 2, 3}), (("maximize", "minimize"), set())])
def test_the_directions_of_the_objectives_count(ways: tuple[str, str], pruned: set[int], tmp_path: Path) -> None:
    found = [[{"loss": 1.0 + i, "acc": -1.0 - i}] * 2 for i in range(4)]
    assert feed(tmp_path, found, "moasha", objectives=dict(zip(("loss", "acc"), ways, strict=True))).pruned == pruned
