"""`study.points`: keys that vary together, as one dimension of a grid."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from omegaconf import OmegaConf

from sweeps.corners import samples
from sweeps.errors import StudyError
from sweeps.plan import Plan, read_plan
from sweeps.report.ratios import ratio_lines
from tests.sweeps.test_fuzz import NoGroups

PAIRS = [{"w.a": 1, "w.b": 0.5, "_role_": "baseline"}, {"w": {"a": 0.1, "b": 2}}]


class Weights:
    """A generator, as an application has it."""

    note = "Each sums to 2."

    def __init__(self, num: int) -> None:
        self._num = num

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter({"w.a": i, "w.b": 2 - i, "_role_": "weighting"} for i in range(self._num))

    def refine(self, results: Sequence[Any], directions: Mapping[str, str], num: int) -> list[dict[str, float]]:
        return [{"w.a": 0.5 + i, "w.b": 1.5 - i} for i in range(num)]


def plan(*arguments: str, seed: int = 0, trusted: Any = None, **study: object) -> Plan:
    config = OmegaConf.create({"study": study, "seed": seed, "hydra": {"job": {"name": "app"}}, "lr": 0.1})
    return read_plan(config, arguments, {}, NoGroups(), trusted=trusted)


def arguments(made: Plan) -> list[list[str]]:
    return [point.as_arguments() for point in made.points()]


def test_points_are_crossed_with_the_axes_and_inside_them_the_seeds_are_fastest() -> None:
    made = plan("model=dense,cnn", "epochs=3", points=PAIRS, replicates=2, seed=7)
    assert arguments(made) == [
        [f"model={model}", "epochs=3", *weights, f"seed={seed}"]
        for model in ("dense", "cnn")
        for weights in (["w.a=1", "w.b=0.5"], ["w.a=0.1", "w.b=2"])
        for seed in (7, 8)
    ]
    assert [point.role for point in made.points()] == ["baseline", "baseline", "", ""] * 2
    assert {point.varied for point in made.points()} == {("model", "w.a", "w.b", "seed")} and made.num_points == 8


def test_dotted_and_nested_keys_are_one_and_each_point_has_its_own() -> None:
    made = plan(points=[{"a": {"b": {"c": 1}}, "g/h": "x"}, {"a.b.c": 2, "+a.new": "x, y"}, {"a.b": {}}, {}])
    assert arguments(made) == [["a.b.c=1", "g/h=x"], ["a.b.c=2", "+a.new=x\\,\\ y"], ["a.b={}"], []]
    assert made.points()[1].varied == ("a.b.c", "+a.new")


def test_of_equal_points_the_first_stays() -> None:
    made = plan(
        points=[{"a": 0.5, "b": 1, "_role_": "first"}, {"b": 1, "a": 5e-1, "_role_": "again"}, {"a": 0.5, "b": 1.0}]
    )
    assert made.num_points == 2 and [point.role for point in made.points()] == ["first", ""]


def test_values_stay_what_they_are() -> None:
    made = plan(points=[{"a": [1, "1", "x y"], "b": "1", "c": None, "d": True, "e": "${lr}", "f": 1e-9}])
    assert arguments(made) == [["a=[1,'1',x\\ y]", "b='1'", "c=null", "d=True", "e=$\\{lr\\}", "f=1e-09"]]


def test_points_of_the_command_line_are_read_as_those_of_a_file() -> None:
    typed = OmegaConf.create({"points": PAIRS})
    made = read_plan(OmegaConf.create({"hydra": {"sweeper": {"study": typed}}, "study": {}}), (), {}, NoGroups())
    assert arguments(made) == arguments(plan(points=PAIRS))


def test_the_name_of_a_study_follows_its_points_and_not_their_roles() -> None:
    config = {"points": PAIRS}
    name = plan(points=PAIRS).name
    assert plan(**config).name == name and plan().name != name
    assert plan(points=PAIRS[:1]).name != name
    assert plan(points=[{**PAIRS[0], "_role_": "equal"}, PAIRS[1]]).name == name


def test_a_target_gives_points_and_says_something_of_them() -> None:
    made = plan(points={"_target_": "tests.sweeps.test_points.Weights", "num": 3})
    assert arguments(made) == [[f"w.a={i}", f"w.b={2 - i}"] for i in range(3)]
    assert made.given is not None and made.given.note == "Each sums to 2."
    assert {point.role for point in made.points()} == {"weighting"}


def test_a_worker_builds_what_its_application_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPS_STORED_COMMAND", ".")
    assert plan(points={"_target_": "tests.sweeps.test_points.Weights", "num": 2}).num_points == 2


def test_a_target_has_to_be_trusted_where_the_application_has_a_list() -> None:
    with pytest.raises(StudyError, match=r"study\.points: .*tests\.sweeps\.test_points\.Weights.* whitelist"):
        plan(points={"_target_": "tests.sweeps.test_points.Weights", "num": 1}, trusted=("torch.*",))


def test_further_points_join_the_others_and_change_no_name() -> None:
    made = plan("model=a,b", points={"_target_": "tests.sweeps.test_points.Weights", "num": 1})
    assert made.given is not None
    more = made.with_more(made.given.more([], {}, 1))
    assert [point.overrides["w.a"] for point in more.points()] == ["0", "0.5", "0", "0.5"]
    assert more.name == made.name and more.num_points == 4


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "study.points has no point."),
        (5, "study.points=5 must be a list of mappings, or a _target_ that gives one."),
        ({"a": 1}, "study.points={'a': 1} must be a list of mappings, or a _target_ that gives one."),
        ([{"a": 1}, 5], "study.points[1]=5 must be a mapping of keys to values."),
        ([{"a": 1, "_role_": 5}], "study.points[0]: _role_=5 must be a word, such as baseline."),
        ([{"study.slots": 1}], "study.points[0]: study.slots says how a study runs, not what; no point can have it."),
        ([{"hydra": {"run": {"dir": "x"}}}], "study.points[0]: hydra.run.dir says how a study runs, not what;"),
        ([{"a.b": 1, "a": {"b": 2}}], "study.points[0] has a.b twice."),
        ([{"a": 1, "+a": 2}], "study.points[0] has +a twice."),
        ([{"~a": None}], "study.points[0]: '~a' must be a key to set, such as model.lr."),
        ([{1: 2}], "study.points[0]: 1 must be a key to set, such as model.lr."),
        ([{"g/h": {"a": 1}}], "study.points[0]: g/h is a group, and takes the name of an option."),
        ([{"a": "???"}], "study.points[0].a has no value."),
        ([{"a": [{"b": 1}]}], "study.points[0]: a=[{'b': 1}] must be a number"),
        ([{"a=b": 1}], "study.points[0]: a=b cannot be read"),
        ([{"api_key": "literal-secret"}], "api_key cannot be swept: its values are secret"),
        (
            {"_target_": "tests.sweeps.test_points.Nobody"},
            "study.points: Error loading 'tests.sweeps.test_points.Nobody'",
        ),
        ({"_target_": "builtins.int"}, "study.points=0 must be a list of mappings"),
    ],
)
def test_what_is_no_point_is_refused_in_one_line(points: object, why: str) -> None:
    with pytest.raises(StudyError) as caught:
        plan("x=1,2", points=points)
    assert why in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("typed", ["w.a=3", "w.a=1,2", "+w.a=3", "~w.a"])
def test_a_key_that_is_typed_as_well_is_refused(typed: str) -> None:
    with pytest.raises(StudyError, match=r"w\.a is typed, and study\.points gives it, too\. Leave one of them out\."):
        plan(typed, points=PAIRS)


def test_seeds_among_the_points_and_replicates_exclude_each_other() -> None:
    with pytest.raises(StudyError, match="exclude each other"):
        plan(points=[{"seed": 1}], replicates=2)


@pytest.mark.parametrize(
    ("typed", "sampler"), [("x=interval(0,1)", "auto"), ("x=1,2", "tpe"), ("x=interval(0,1)", "grid")]
)
def test_a_sampler_draws_none_of_them(typed: str, sampler: str) -> None:
    with pytest.raises(StudyError, match=r"study\.points are trained each, and .* is to be drawn\."):
        plan(typed, points=PAIRS, sampler=sampler)


def test_of_very_many_points_the_check_sees_some_and_all_that_hold_words() -> None:
    numbers = [{"w.a": i, "w.b": 1} for i in range(100)]
    words = [{"w.a": 1, "w.b": 1, "balancer": name} for name in ("uw", "dwa")]
    made = plan("model=a,b", points=[*numbers[:50], *words, *numbers[50:]])
    looked_at = list(samples(made.space))
    assert {point.overrides.get("balancer") for point in looked_at} == {None, "uw", "dwa"}
    assert 30 <= len(looked_at) <= 40 and "99" in {point.overrides["w.a"] for point in looked_at}


def test_what_differs_by_scale_only_is_said_once_and_stays() -> None:
    made = plan("m=a,b", "w.a=0,1,2,3", "w.b=1,2", replicates=2, seed=0)
    assert made.num_points == 32
    assert ratio_lines(made.points(), ["w"], "seed") == [
        "Note: w 0/1 and 0/2 differ by scale only, and each is trained.",
        "Note: w 1/1 and 2/2 differ by scale only, and each is trained.",
    ]
    axis = plan("w={a:1,b:.1},{a:10,b:1},{a:1,b:0},{a:0,b:0},{a:1},{b:1}")
    assert ratio_lines(axis.points(), ["w"], "seed") == [
        "Note: w 1/0.1 and 10/1 differ by scale only, and each is trained."
    ]
    assert ratio_lines(axis.points(), ["v"], "seed") == [] and ratio_lines(made.points(), [], "seed") == []


def test_of_many_pairs_five_are_told() -> None:
    made = plan(points=[{"w.a": i, "w.b": i} for i in range(1, 6)])
    lines = ratio_lines(made.points(), ["w"], "seed")
    assert len(lines) == 6 and lines[-1] == "Note: ... and 5 more pairs."
