"""`study.refine`: a study is asked a second time for points, and remembers the answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.plan import Plan
from sweeps.refinement import keep, refined
from sweeps.space import Point
from sweeps.study.study import Study
from tests.studies import done, study_of
from tests.sweeps.test_points import Weights, plan

GENERATOR = {"_target_": "tests.sweeps.test_points.Weights", "num": 2}


def asked(num: int | None) -> Plan:
    return plan("net=a", points=GENERATOR, name="s", refine=num, objective="loss")


def ran(folder: Path) -> Study:
    """Two replicates of one point and one of another; `acc` is recorded by the first cell alone."""
    study = study_of(folder, [], metric_directions={"acc": "max"})
    of = [("0", "2", "0"), ("0", "2", "1"), ("1", "1", "0")]
    names = ("net", "w.a", "w.b", "seed")
    points = [Point(overrides=dict(zip(names, ("a", *o), strict=True)), varied=names, cell=o[0]) for o in of]
    study.add([replace(point, role="weighting") for point in points])
    for values in ({"loss": 1.0, "acc": 0.5}, {"loss": 2.0, "acc": 0.7}, {"loss": 4.0}):
        claim = study.claim("w", None)
        assert claim is not None and study.tell(claim, done(values["loss"], metrics=values))
    return study


def test_the_generator_sees_the_means_of_each_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def refine(self: Weights, *given: Any) -> list[dict[str, float]]:
        seen.extend(given)
        return [{"w.a": 0.5, "w.b": 1.5}]

    monkeypatch.setattr(Weights, "refine", refine)
    made = refined(asked(1), ran(tmp_path))
    assert seen[0] == [
        {
            "point": {"w.a": 0, "w.b": 2},
            "others": {"net": "a"},
            "role": "weighting",
            "metrics": {"loss": 1.5, "acc": pytest.approx(0.6)},
        },
        {"point": {"w.a": 1, "w.b": 1}, "others": {"net": "a"}, "role": "weighting", "metrics": {"loss": 4.0}},
    ]
    assert seen[1:] == [{"acc": "max", "loss": "min"}, 1]
    assert [point.overrides["w.a"] for point in made.points()] == ["0", "1", "0.5"]


def test_a_study_asks_once_and_for_what_is_missing(tmp_path: Path) -> None:
    study = ran(tmp_path)
    one = refined(asked(1), study)
    keep(one, study)
    three = refined(asked(3), study)
    assert [dict(each.overrides) for each in three.refined] == [
        {"w.a": "0.5", "w.b": "1.5"},
        {"w.a": "0.5", "w.b": "1.5"},
        {"w.a": "1.5", "w.b": "0.5"},
    ]
    keep(three, study)
    assert refined(asked(3), study).refined == three.refined
    assert refined(asked(1), Study(study.database, "s")).refined == three.refined[:1]
    assert asked(None) == refined(asked(None), study) or refined(asked(None), study).refined == ()


def test_of_two_commands_at_one_moment_one_is_refused(tmp_path: Path) -> None:
    study = ran(tmp_path)
    mine = refined(asked(1), study)
    other = replace(mine, refined=tuple(replace(each, overrides={"w.a": "9", "w.b": "9"}) for each in mine.refined))
    keep(other, study)
    with pytest.raises(StudyError, match=r"Another command has refined study 's' meanwhile\. Type the line again\."):
        keep(mine, study)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: plan("x=1,2", refine=2), "study.refine=2: study.points names no generator that gives more points."),
        (lambda: plan(points=[{"x": 1}], refine=2), "study.points names no generator"),
        (lambda: asked(2), "study.refine=2: study 's' has no results yet. Run it without refine first."),
    ],
)
def test_where_nobody_can_give_more_it_is_refused(made: Any, why: str) -> None:
    with pytest.raises(StudyError) as caught:
        refined(made(), None)
    assert why in str(caught.value)


def test_a_generator_that_gives_too_few_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Weights, "refine", lambda self, results, directions, num: [])
    with pytest.raises(StudyError, match=r"the generator of study\.points gives 0 more points only"):
        refined(asked(2), ran(tmp_path))
