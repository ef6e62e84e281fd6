import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString

from sweeps.corners import samples
from sweeps.errors import StudyError
from sweeps.parsing import parse
from sweeps.seeds import replicated
from sweeps.space import Point, Space
from sweeps.values import canonical, value_of

KEYS = ("study", "tracking", "hydra", "paths")


def space(*arguments: str, params: dict | None = None) -> Space:
    return parse(arguments, params or {}, None, KEYS)  # type: ignore[arg-type]


def test_a_grid_has_every_combination_once_with_the_last_axis_fastest() -> None:
    points = list(space("model=dense,cnn", "w=0.1,0.5", "lr=0.01").grid())
    assert [point.as_arguments() for point in points] == [
        [f"model={model}", f"w={w}", "lr=0.01"] for model in ("dense", "cnn") for w in ("0.1", "0.5")
    ]


def test_values_written_differently_are_one_value() -> None:
    assert space("w=0.5,.50,5e-1,1,1.0,1e0,'1',true").axes[0].values == ("0.5", "1", "1.0", "'1'", "True")
    assert space("w=[.5,1],[0.5,1],[0.5,1.0],{a:.5},{a:5e-1}").num_points == 3


@pytest.mark.parametrize("sweep", ["range(0,10,3)", "0,3,6,9", "choice(0,3,6,9)"])
def test_no_point_of_a_range_is_lost(sweep: str) -> None:
    assert space(f"x={sweep}").axes[0].values == ("0", "3", "6", "9")


def test_a_float_range_keeps_its_last_value() -> None:
    assert len(space("x=range(0.0,1.0,0.1)").axes[0].values) == 10


def test_the_order_of_overrides_does_not_change_the_identity_of_a_point() -> None:
    assert Point(overrides={"a": "1", "b": "2"}).key == Point(overrides={"b": "2.0", "a": "1"}).key


def test_text_and_number_are_different_values() -> None:
    assert Point(overrides={"a": "1"}).key != Point(overrides={"a": "'1'"}).key


def test_how_a_study_runs_is_no_part_of_a_point() -> None:
    made = space("study.name=a", "tracking.uri=b", "paths.data_dir=c", "x=1")
    assert made.fixed == {"x": "1"}
    assert made.operational == ("study.name=a", "tracking.uri=b", "paths.data_dir=c")


@pytest.mark.parametrize("argument", ["study.slots=1,2", "paths.data_dir=a,b"])
def test_an_operational_key_cannot_be_swept(argument: str) -> None:
    with pytest.raises(StudyError, match="cannot be swept"):
        space(argument)


def test_an_empty_dimension_is_refused() -> None:
    with pytest.raises(StudyError, match=r"x=range\(1,1\) sweeps over no value"):
        space("x=range(1,1)")


def test_the_command_line_wins_over_configured_sweeps() -> None:
    made = space("lr=0.1", params={"lr": "choice(1,2)", "size": "choice(a,b)"})
    assert made.fixed == {"lr": "0.1"} and made.varied == ("size",)


def test_an_interval_is_not_finite() -> None:
    assert not space("lr=tag(log, interval(0.001, 0.1))").is_finite


def test_replicates_are_an_axis_of_seeds_from_the_given_one_on() -> None:
    made = replicated(space("x=1,2", "seed=7"), 3, first_seed=0)
    assert [point.overrides["seed"] for point in made.grid()] == ["7", "8", "9"] * 2


def test_replicates_and_a_sweep_over_seeds_exclude_each_other() -> None:
    with pytest.raises(StudyError, match="exclude each other"):
        replicated(space("seed=1,2"), 2, first_seed=0)


def test_samples_show_each_value_of_each_axis() -> None:
    found = list(samples(space("a=1,2,3", "b=x,y")))
    assert {point.overrides["a"] for point in found} == {"1", "2", "3"}
    assert {point.overrides["b"] for point in found} == {"x", "y"}
    assert len(found) == 4


def test_of_very_many_numbers_the_extremes_and_some_between_are_samples() -> None:
    values = ",".join(dict.fromkeys(["7", *map(str, range(500))]))
    found = list(samples(space(f"a={values}", "b=x,y")))
    shown = [point.overrides["a"] for point in found if point.overrides["b"] == "x"]
    assert shown[0] == "7" and {"0", "499"} <= set(shown) and 30 <= len(shown) <= 33 and len(set(shown)) == len(shown)
    names = [f"n{i}" for i in range(50)]
    assert [p.overrides["a"] for p in samples(space(f"a={','.join(names)}"))] == names


def test_a_deletion_survives_as_an_override() -> None:
    point = next(iter(space("~callbacks", "x=1").grid()))
    assert point.as_arguments() == ["~callbacks", "x=1"]
    assert OverridesParser.create().parse_overrides(point.as_arguments())[0].is_delete()


def test_canonical_reaches_into_lists() -> None:
    assert canonical("x", "[1.0,2.5]") == [1, 2.5]


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("x=choice('a&b',c)", ("'a&b'", "c")),
        ("x=choice('1',2)", ("'1'", "2")),
        ("x=choice('null',true,'a b')", ("'null'", "True", "a\\ b")),
        ("x=choice('it\\'s',[a,'b&c'])", ("'it\\'s'", "[a,'b&c']")),
        ("x='a&b',c", ("'a&b'", "c")),
    ],
)
def test_a_quoted_text_of_a_choice_stays_that_text(typed: str, values: tuple[str, ...]) -> None:
    axis = space(typed).axes[0]
    assert axis.values == values
    given = OverridesParser.create().parse_override(typed).sweep_iterator()
    texts = [value.text if isinstance(value, QuotedString) else value for value in given]
    assert [value_of("x", value) for value in axis.values][: len(texts)] == texts or "[" in typed


def test_an_override_has_its_place_of_the_line_so_that_a_later_one_counts() -> None:
    points = [point.as_arguments() for point in space("m.lr=1,2", "m={lr: 5}", "m.lr=7", "n={a: 1},{a: 2}").grid()]
    assert points == [["m={lr:5}", "m.lr=7", f"n={{a:{a}}}"] for a in (1, 2)]
    swept = space("m.lr=1,2", "m={lr: 5}", "seed=3", params={"x": "8,9"})
    assert [axis.key for axis in swept.axes] == ["x", "m.lr"]
    found = [point.as_arguments() for point in replicated(swept, 2, None).grid()]
    assert found[1] == ["x=8", "m.lr=1", "m={lr:5}", "seed=4"] and len(found) == 8


def test_the_axes_of_a_point_are_what_it_varies_without_the_seed() -> None:
    assert Point(overrides={}, varied=("a", "+seed", "b.seed")).axes("seed") == ("a", "b.seed")


@pytest.mark.parametrize(
    ("typed", "points"),
    [
        (["x=1,2", "x=3"], ["x=3"]),
        (["x=3", "x=1,2"], ["x=1", "x=2"]),
        (["x=1,2", "x=5,6"], ["x=5", "x=6"]),
        (["x=1,2", "y=1,2", "x=3"], ["x=3 y=1", "x=3 y=2"]),
    ],
)
def test_what_is_typed_later_counts(typed: list[str], points: list[str]) -> None:
    assert [" ".join(sorted(point.as_arguments())) for point in space(*typed).grid()] == points
