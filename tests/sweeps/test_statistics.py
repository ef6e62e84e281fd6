"""Statistics of tables against worked values, each of which was computed in two ways or comes from its paper."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from optuna._hypervolume import compute_hypervolume

from sweeps.report.statistics.comparisons import detectable, holm, paired_t
from sweeps.report.statistics.fronts import front, hypervolume
from sweeps.report.statistics.ranks import (
    critical_difference,
    friedman,
    friedman_of_ranks,
    mean_rank,
    nemenyi_q,
)
from sweeps.report.statistics.summaries import bootstrap_t, interquartile_mean, summarise, t_factor
from sweeps.report.statistics.tasks import delta_m, skill
from tests.studies import WEIGHT_STUDY

HEADS = ("digit", "thickness", "smoothness")
CONSTANTS = {"digit": 0.1135, "thickness": 0.2148, "smoothness": 0.3636}


def exactly(value: float) -> object:
    return pytest.approx(value, abs=1e-6, rel=0)


def test_mean_spread_interval_and_middle() -> None:
    made = summarise([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (made.n, made.mean, made.median, made.iqm) == (5, 22.0, 3.0, 3.0)
    assert made.sd == exactly(math.sqrt(sum((x - 22) ** 2 for x in (1, 2, 3, 4, 100)) / 4))
    assert made.half_width == exactly(made.sd * 1.2416639982)
    one = summarise([2.0])
    assert (one.mean, one.sd, one.half_width, one.iqm) == (2.0, None, None, None)
    assert summarise([1.0, 2.0, 3.0]).iqm is None
    with pytest.raises(ValueError, match="no value"):
        summarise([])


@pytest.mark.parametrize(
    ("values", "mean"), [([3, 1, 2], 2), ([1, 2, 3, 4, 100], 3), ([1, 2, 3, 4, 5, 6, 7, 100], 4.5)]
)
def test_interquartile_mean(values: list[float], mean: float) -> None:
    assert interquartile_mean(values) == exactly(mean)


@pytest.mark.parametrize(("n", "factor"), [(2, 8.984644), (3, 2.484138), (5, 1.241664), (10, 0.715357)])
def test_half_width_of_the_t_interval(n: int, factor: float) -> None:
    assert t_factor(n) == exactly(factor)


def test_the_paired_test_of_five_seeds() -> None:
    a, b = (0.9150, 0.9162, 0.9139, 0.9171, 0.9148), (0.9148, 0.9158, 0.9141, 0.9163, 0.9140)
    test = paired_t(np.subtract(a, b))
    assert test.mean / (test.sd / math.sqrt(5)) == exactly(2.108185) and float(test.p) == exactly(0.102700)
    half = float(test.sd) * t_factor(5)
    assert (float(test.mean) - half, float(test.mean) + half) == (exactly(-0.000127), exactly(0.000927))


def test_pairs_that_lack_a_seed_are_left_out_and_two_pairs_are_no_test() -> None:
    whole, holed = np.array([0.1, 0.2, 0.4]), np.array([0.1, np.nan, 0.2, 0.4])
    assert paired_t(holed).p == exactly(float(paired_t(whole).p)) and int(paired_t(holed).n) == 3
    assert np.isnan(paired_t(np.array([0.1, np.nan, 0.2])).p)


def test_differences_without_a_spread_count_where_they_exceed_one_step() -> None:
    one_image, many = np.full(3, 1 / 360), np.full(3, 40 / 360)
    assert float(paired_t(one_image, resolution=1 / 360).p) == 1.0
    assert float(paired_t(many, resolution=1 / 360).p) == 0.0
    assert float(paired_t(np.zeros(3)).p) == 1.0


def test_holm_by_hand() -> None:
    # Sorted .005 .01 .03 .04, times 4 3 2 1, never less than the one before.
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    assert holm(p)[[0, 1, 3, 4]].tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02]) and np.isnan(holm(p)[2])
    assert holm(np.array([0.6, 0.9])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("n", "sds"), [(3, 3.264), (4, 2.128), (5, 1.682), (6, 1.435), (8, 1.156), (10, 0.996)])
def test_detectable_differences(n: int, sds: float) -> None:
    assert detectable(n) == pytest.approx(sds, abs=5e-4)


@pytest.mark.parametrize(("n", "alpha"), [(3, 0.05), (3, 0.025), (3, 0.01), (5, 0.01), (10, 0.05 / 17)])
def test_a_detectable_difference_is_found_in_80_percent(n: int, alpha: float) -> None:
    differences = detectable(n, alpha) + np.random.default_rng(n).normal(size=(40_000, n))
    assert np.mean(paired_t(differences).p <= alpha) == pytest.approx(0.8, abs=0.01)


def test_mean_ranks_share_ties() -> None:
    columns = [((0.91, 0.91, 0.89, 0.80), "max"), ((0.90, 0.88, 0.92, 0.80), "max"), ((0.40, 0.35, 0.35, 0.50), "min")]
    assert mean_rank(columns) == tuple(map(exactly, (13 / 6, 2.0, 11 / 6, 4.0)))


def test_friedman_and_nemenyi_of_the_published_ranks() -> None:
    made = friedman_of_ranks((3.143, 2.000, 2.893, 1.964), 14)
    assert made.chi2 == pytest.approx(9.28, abs=0.01) and made.f == pytest.approx(3.69, abs=0.01)
    assert made.p == pytest.approx(0.0197, abs=2e-4) and made.critical_difference == pytest.approx(1.25, abs=0.01)
    assert nemenyi_q(4) == pytest.approx(2.569, abs=5e-4) and nemenyi_q(4, 0.10) == pytest.approx(2.291, abs=5e-4)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.01)


def test_friedman_from_values_and_never_for_few_blocks() -> None:
    blocks = [(0.9, 0.8, 0.7)] * 5 + [(0.7, 0.8, 0.9)]
    made = friedman(blocks, "max")
    assert made.mean_ranks == tuple(map(exactly, (8 / 6, 2.0, 16 / 6)))
    assert made.chi2 == exactly(16 / 3)  # 12 * 6 / 12 * (64/36 + 4 + 256/36 - 12)
    with pytest.raises(ValueError, match="5 data sets are too few to compare ranks; it takes 6"):
        friedman(blocks[:5], "max")


def test_the_gain_over_single_tasks() -> None:
    base, directions = {"a": 0.980, "b": 0.700, "mae": 0.250}, {"a": "max", "b": "max", "mae": "min"}
    assert delta_m({"a": 0.970, "b": 0.735, "mae": 0.240}, base, directions) == exactly(2.659864)
    with pytest.raises(ValueError, match=r"mae of the base is 0\.0"):
        delta_m({"mae": 0.1}, {"mae": 0.0}, directions)


def test_metrics_of_one_task_are_averaged_first() -> None:
    base, new = {"a1": 96, "a2": 98, "b": 0.2}, {"a1": 93, "a2": 99, "b": 0.5}
    directions, tasks = {"a1": "max", "a2": "min", "b": "max"}, {"a1": "a", "a2": "a", "b": "b"}
    assert delta_m(new, base, directions, tasks) / 100 == exactly(0.739636)


TWO = [(0.9, 0.5), (0.8, 0.7), (0.6, 0.8)]
THREE = [(0.98, 0.60, 0.80), (0.97, 0.75, 0.78), (0.95, 0.80, 0.70), (0.96, 0.70, 0.85)]


@pytest.mark.parametrize(
    ("points", "reference", "volume"),
    [(TWO, (0.5, 0.4), 0.11), (THREE, (0.90, 0.50, 0.60), 0.00446), ([], (0.0, 0.0), 0.0), (TWO, (0.9, 0.8), 0.0)],
)
def test_hypervolume(points: list[tuple[float, ...]], reference: tuple[float, ...], volume: float) -> None:
    assert hypervolume(points, reference) == exactly(volume)


@pytest.mark.parametrize("num_metrics", [1, 2, 3, 4])
def test_hypervolume_and_front_agree_with_others(num_metrics: int) -> None:
    points = np.random.default_rng(num_metrics).uniform(-0.2, 1, (24, num_metrics))
    inside = points[(points > 0).all(axis=1)]
    theirs = compute_hypervolume(-inside, np.zeros(num_metrics))
    assert hypervolume(points.tolist(), [0.0] * num_metrics) == pytest.approx(theirs, rel=1e-9)
    beaten = {
        j
        for i, j in itertools.permutations(range(24), 2)
        if (points[i] >= points[j]).all() and (points[i] > points[j]).any()
    }
    assert set(front(points.tolist(), ["max"] * num_metrics)) == set(range(24)) - beaten


def test_a_front_keeps_equal_points_and_knows_both_directions() -> None:
    assert front([(0.9, 1.0), (0.9, 1.0), (0.8, 2.0), (0.8, 0.5)], ["max", "min"]) == [0, 1, 3]
    assert front([], ["max", "min"]) == []


def test_the_bootstrap_repeats_itself_and_refuses_three_values() -> None:
    values = [0.1, 0.4, 0.2, 0.35, 0.3]
    low, high = bootstrap_t(values)
    assert (low, high) == bootstrap_t(values) and low < 0.27 < high
    with pytest.raises(ValueError, match="3 values"):
        bootstrap_t([1.0, 2.0, 3.0])


@pytest.mark.parametrize(("n", "num_draws"), [(3, 20_000), (5, 20_000)])
def test_the_printed_interval_covers_95_percent(n: int, num_draws: int) -> None:
    draws = np.random.default_rng(n).normal(size=(num_draws, n))
    half = draws.std(axis=1, ddof=1) * t_factor(n)
    assert 0.93 <= np.mean(np.abs(draws.mean(axis=1)) <= half) <= 0.97


def test_the_bootstrap_covers_as_much_from_five_seeds_on() -> None:
    draws = np.random.default_rng(0).normal(size=(1500, 5))
    covered = [low <= 0 <= high for low, high in (bootstrap_t(list(draw), num_draws=999) for draw in draws)]
    assert 0.93 <= np.mean(covered) <= 0.97


def weight_study() -> dict[str, dict[str, list[dict[str, float]]]]:
    """Model to weights to the test accuracies of each seed."""
    frame = pd.read_csv(WEIGHT_STUDY)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for row in frame.to_dict("records"):
        cells = found.setdefault(row["model"], {}).setdefault(row["model.loss_weights"], [])
        cells.append({head: row[f"test/{head}_acc"] for head in HEADS})
    return found


def weights(digit: float, thickness: float, smoothness: float) -> str:
    return str({"digit": digit, "thickness": thickness, "smoothness": smoothness})


@pytest.mark.parametrize(("model", "gain", "volume"), [("cnn", -7.28, 0.7250), ("dense", -16.53, 0.4178)])
def test_a_real_weight_study(model: str, gain: float, volume: float) -> None:
    cells = weight_study()[model]
    alone = {head: weights(*(int(other == head) for other in HEADS)) for head in HEADS}
    base = {head: float(np.mean([each[head] for each in cells[alone[head]]])) for head in HEADS}
    ways = dict.fromkeys(HEADS, "max")
    equal = cells[weights(1, 1, 1)]
    gains = [delta_m(each, base, ways) for each in equal]
    assert len(gains) == 3 and np.mean(gains) == pytest.approx(gain, abs=0.005)
    means = {head: float(np.mean([each[head] for each in equal])) for head in HEADS}
    if model == "cnn":
        worst = min(delta_m({head: means[head]}, base, ways) for head in HEADS)
        assert worst == pytest.approx(-10.12, abs=0.005)
    points = [
        [skill(float(np.mean([each[head] for each in cell])), CONSTANTS[head], base[head]) for head in HEADS]
        for name, cell in cells.items()
        if name not in alone.values()
    ]
    assert len(points) == 6 and hypervolume(points, [0.0] * 3) == pytest.approx(volume, abs=5e-5)
