import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sweeps.errors import StudyError
from sweeps.parsing import parse
from sweeps.study.distributions import distribution_of
from tests.sweeps.test_fuzz import NoGroups

LIKE_STOCK = {
    "x=interval(-1,1)": FloatDistribution(-1, 1),
    "x=interval(-1.0,1)": FloatDistribution(-1, 1),
    "x=float(interval(1,10))": FloatDistribution(1, 10),
    "x=int(interval(1.5,10.5))": IntDistribution(1, 10),
    "x=tag(log,interval(0.001,1))": FloatDistribution(0.001, 1, log=True),
    "x=tag(log,int(interval(1,128)))": IntDistribution(1, 128, log=True),
    "x=range(1,10)": IntDistribution(1, 9),
    "x=range(1,10,4)": IntDistribution(1, 9, step=4),
    "x=range(10,1,-4)": IntDistribution(2, 10, step=4),
    "x=range(0,1,0.1)": FloatDistribution(0, 0.9, step=0.1),
    "x=range(0.5,0,-0.25)": FloatDistribution(0.25, 0.5, step=0.25),
    "x=a,b": CategoricalDistribution(["a", "b"]),
    "x=[1,2],[3]": CategoricalDistribution(["[1,2]", "[3]"]),
    "x=null,1e-3": CategoricalDistribution(["null", 0.001]),
    "+x@y.z=a,b": CategoricalDistribution(["a", "b"]),
}
OWN = {
    "x=choice('a&b','c')": CategoricalDistribution(["'a&b'", "c"]),
    "x=shuffle(d,c,a,b)": CategoricalDistribution(["a", "b", "c", "d"]),
    "x=shuffle(range(1,4))": IntDistribution(1, 3),
    "x=choice(1,2.5,true,c)": CategoricalDistribution([1, 2.5, "True", "c"]),
    "x=1,1.0,2": CategoricalDistribution([1, "1.0", 2]),
}


def distribution(line: str) -> BaseDistribution:
    (axis,) = parse([line], {}, NoGroups()).axes
    return distribution_of(axis)


@pytest.mark.parametrize("line", [*LIKE_STOCK, *OWN])
def test_an_axis_is_what_hydra_says(line: str) -> None:
    assert distribution(line) == {**LIKE_STOCK, **OWN}[line]


@pytest.mark.parametrize("line", LIKE_STOCK)
def test_it_is_as_in_the_stock_sweeper(line: str) -> None:
    stock = pytest.importorskip("hydra_plugins.hydra_optuna_sweeper._impl")
    made = stock.create_optuna_distribution_from_override(OverridesParser.create().parse_override(line))
    assert distribution(line) == made


class TwoOptions(NoGroups):
    def get_group_options(self, *arguments: object, **named: object) -> list[str]:
        return ["dense", "cnn", "vit"]


def test_a_pattern_is_a_choice_of_the_options_that_fit() -> None:
    (axis,) = parse(["model=glob(*n*)"], {}, TwoOptions()).axes
    assert distribution_of(axis) == CategoricalDistribution(["dense", "cnn"])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x=interval(2,1)", r"x=interval\(2,1\): an interval needs two finite numbers, the smaller one first."),
        ("x=interval(0,inf)", r"x=interval\(0,inf\): an interval needs two finite numbers"),
        ("x=interval(nan,1)", r"x=interval\(nan,1\): an interval needs two finite numbers"),
        ("x=tag(log,interval(0,1))", r"a logarithmic interval starts above 0, found 0\."),
        ("x=tag(log,interval(-1.5,1))", r"a logarithmic interval starts above 0, found -1\.5\."),
    ],
)
def test_nothing_can_be_drawn_between_what_are_no_ends(line: str, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        distribution(line)
