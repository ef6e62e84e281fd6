"""Layouts of loss weights, the points of a loss-weight study, and where a front is refined."""

from itertools import pairwise
from typing import Any

import pytest

from trainer_pkg.data.digits import Digits
from trainer_pkg.data.strokes import StrokeLabels
from trainer_pkg.errors import ConfigError
from trainer_pkg.weightings.front import between, front
from trainer_pkg.weightings.study import LossWeights
from trainer_pkg.weightings.vectors import Dirichlet, Grid, LogRatio, Simplex, Weighting

HEADS = ["digit", "thickness", "smoothness"]


def weights(points: list[dict[str, Any]]) -> list[list[float]]:
    return [[point[f"model.loss_weights.{head}"] for head in HEADS] for point in points]


@pytest.mark.parametrize("num_heads", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "weighting", [Grid([0, 0.1, 1]), Simplex(5), Dirichlet(7, alpha=0.3, seed=4), LogRatio(5), LogRatio(2, max_ratio=3)]
)
def test_each_vector_is_new_and_sums_to_the_number_of_heads(weighting: Weighting, num_heads: int) -> None:
    vectors = weighting.vectors(num_heads)
    assert len(set(vectors)) == len(vectors) > 0
    for vector in vectors:
        assert len(vector) == num_heads and min(vector) >= 0
        assert sum(vector) == pytest.approx(num_heads, abs=1e-6 * num_heads)


def test_a_simplex_of_3_heads_and_5_levels_has_21_points_and_the_3_vertices() -> None:
    vectors = Simplex(levels=5).vectors(3)
    assert len(vectors) == 21 and {(3.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 3.0)} <= set(vectors)
    assert {weight for vector in vectors for weight in vector} == {0.0, 0.6, 1.2, 1.8, 2.4, 3.0}


def test_a_grid_has_one_of_those_that_differ_by_scale() -> None:
    assert len(Grid([0.5, 1, 2]).vectors(2)) == 5
    assert Grid([0.1, 1]).vectors(3)[0] == (1.0, 1.0, 1.0) and len(Grid([0.1, 1]).vectors(3)) == 7


def test_a_ratio_is_one_head_against_the_others() -> None:
    vectors = LogRatio(levels=3, max_ratio=10).vectors(3)
    assert vectors[:3] == [(0.142857, 1.428571, 1.428571), (1.0, 1.0, 1.0), (2.5, 0.25, 0.25)] and len(vectors) == 7
    ratios = [vector[0] / vector[1] for vector in LogRatio(levels=5, max_ratio=16).vectors(2)]
    assert [later / earlier for earlier, later in pairwise(sorted(ratios))] == pytest.approx([4] * 4, rel=1e-4)


def test_random_shares_are_the_same_each_time_and_more_begin_with_them() -> None:
    assert Dirichlet(3, seed=1).vectors(3) == Dirichlet(5, seed=1).vectors(3)[:3] != Dirichlet(3, seed=2).vectors(3)
    drawn = Dirichlet(4000, seed=0).vectors(3)
    means = [sum(vector[i] for vector in drawn) / 4000 for i in range(3)]
    assert means == pytest.approx([1, 1, 1], abs=0.05)  # 4 standard errors of the mean are 0.045


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: Grid([0]), r"values=\[0\] must be"),
        (lambda: Grid([-1, 1]), r"values=\[-1, 1\] must be"),
        (lambda: Simplex(0), "levels=0 must be a whole number of at least 1"),
        (lambda: Dirichlet(2, alpha=0), "alpha=0 must be a finite number above 0"),
        (lambda: LogRatio(3, max_ratio=1), "max_ratio=1 must be a finite number above 1"),
        (lambda: LossWeights(heads=["digit"]), r"the heads are \['digit'\], so there is nothing to weigh"),
        (lambda: LossWeights(heads=HEADS, vectors=[[1, 2]]), "one weight per head: digit, thickness, smoothness"),
        (lambda: LossWeights(heads=HEADS, vectors=[[1, 2, -1]]), "finite numbers of at least 0"),
    ],
)
def test_what_is_no_weighting_is_refused(made: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        made()


def test_the_heads_are_those_of_the_data() -> None:
    made = LossWeights(source=Digits(), labels=StrokeLabels(), num_random=0)
    assert [set(point) - {"_role_"} for point in made] == [{f"model.loss_weights.{head}" for head in HEADS}] * 4
    assert made.note == "Note: each vector of weights sums to 3, the number of heads (digit, thickness, smoothness)."


def test_a_study_has_baselines_balancers_and_weightings() -> None:
    points = list(LossWeights(heads=HEADS, weighting=Simplex(5), balancers=["uw", "dwa"]))
    roles = [point["_role_"] for point in points]
    assert roles == ["baseline"] * 6 + ["balancer"] * 2 + ["weighting"] * 21
    assert weights(points)[:4] == [[3, 0, 0], [0, 3, 0], [0, 0, 3], [1, 1, 1]]
    assert [(point["model/balancer"], weights([point])) for point in points[6:8]] == [
        ("uw", [[1, 1, 1]]),
        ("dwa", [[1, 1, 1]]),
    ]


def test_typed_weights_stay_as_they_are() -> None:
    typed = [[2, 0.5, 0.5], [1, 1, 1], [0.5, 1, 1]]
    made = LossWeights(heads=HEADS, single_tasks=False, equal=False, vectors=typed, weighting=Simplex(5))
    assert weights(list(made)) == typed and "typed ones are as typed" in made.note


def test_a_front_is_refined_where_it_is_sparse() -> None:
    scores = {(2.0, 0.0): (0.9, 0.1), (1.5, 0.5): (0.85, 0.2), (0.5, 1.5): (0.4, 0.7), (0.9, 1.1): (0.3, 0.3)}
    found = front(list(scores.items()))
    assert [weights for weights, _ in found] == [(2.0, 0.0), (1.5, 0.5), (0.5, 1.5)]
    assert between([found], 1, list(scores)) == [(1.0, 1.0)]
    assert sorted(between([found], 2, [(1.0, 1.0)])) == [(0.75, 1.25), (1.25, 0.75)]
    assert between([found[:1]], 2, []) == [] == between([[]], 2, [])


def test_a_study_asks_for_more_weights_between_the_best_of_each_architecture() -> None:
    made = LossWeights(heads=["a", "b"])

    def result(net: str, a: float, acc: float, mae: float, role: str = "weighting") -> dict[str, Any]:
        point = {"model.loss_weights.a": a, "model.loss_weights.b": 2 - a}
        return {"point": point, "others": {"model": net}, "role": role, "metrics": {"val/a_acc": acc, "val/b_mae": mae}}

    results = [
        result("cnn", 2, 0.9, 3.0),
        result("cnn", 1, 0.8, 1.0),
        result("cnn", 1, 1.0, 0.1, role="balancer"),
        result("dense", 2, 0.5, 5.0),
        result("dense", 0.5, 0.4, 4.0),
        result("dense", 0, 0.1, 3.5),
        {"point": {}, "others": {"model": "cnn"}, "role": "", "metrics": {}},
        {**result("cnn", 0, 0.0, 0.0), "metrics": {"val/b_mae": 0.1}},  # a head of weight 0 has no metric
    ]
    directions = {"val/a_acc": "max", "val/b_mae": "min", "val/b_loss": "min"}
    points = made.refine(results, directions, 4)
    assert [point["model.loss_weights.a"] for point in points] == [1.5, 0.25, 1.25, 1.75]
    assert points[0] == {"model.loss_weights.a": 1.5, "model.loss_weights.b": 0.5, "_role_": "weighting"}
    assert made.refine(results[:1], directions, 4) == []
    with pytest.raises(ConfigError, match="b has none of the metrics val/b_acc, val/b_mae, val/b_loss"):
        made.refine(results, {"val/a_acc": "max"}, 1)
