"""Two points are one where they compose to one configuration."""

import enum
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from sweeps.identity.fingerprint import Fingerprints
from sweeps.identity.snapshot import take_snapshot
from sweeps.parsing import parse
from sweeps.space import Point

LEFT_OUT = ("hydra", "study")
FILES = {
    "config.yaml": """
        defaults: [{net: small}, _self_]
        x: 1
        y: 1.0
        flag: true
        text: '1'
        nothing: null
        items: [1, 2]
        empty: {}
        nested: {rate: 0.5, deep: {a: 1}}
        alias: ${nested}
        token: ${oc.env:NOT_SET_ANYWHERE}
        seed: 0
        training: {seed: 3}
        study: {name: null}
    """,
    "net/small.yaml": "width: 1\nrate: 0.1\n",
    "net/wide.yaml": "width: 9\nrate: 0.1\n",
    "net/tall.yaml": "width: 9\nrate: 0.1\nheight: 2\n",
}


class Colour(enum.Enum):
    red = 1
    blue = 2


@dataclass
class Typed:
    rate: float = 1.0
    count: int = 2
    colour: Colour = Colour.red
    names: list[str] = field(default_factory=list)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line[8:] if line.startswith(" " * 8) else line for line in content.splitlines()))
    return tmp_path


@pytest.fixture
def composing(folder: Path) -> Iterator[list[Sequence[str]]]:
    """The overrides of each configuration that was composed."""
    ConfigStore.instance().store(name="typed", node=Typed, replace=True)
    asked: list[Sequence[str]] = []
    with initialize_config_dir(str(folder)):
        take_snapshot(GlobalHydra.instance().config_loader())
        yield asked


def fingerprints(asked: list[Sequence[str]], name: str = "config", *, seed: str = "seed", slow: bool = False):
    repository = GlobalHydra.instance().config_loader().repository  # type: ignore[attr-defined]

    def composed(overrides: Sequence[str]) -> DictConfig:
        asked.append(overrides)
        return compose(name, overrides=list(overrides))

    def is_group(key: str) -> bool:
        return slow or repository.group_exists(key)

    return Fingerprints(composed, is_group, LEFT_OUT, seed)


def point(*arguments: str) -> Point:
    return next(iter(parse(arguments, {}, GlobalHydra.instance().config_loader()).grid()))


def identity(asked: list[Sequence[str]], *arguments: str, name: str = "config") -> str:
    return fingerprints(asked, name).of(point(*arguments)).identity


SAME = [
    ([], ["x=1"]),
    ([], ["y=1.0"]),
    ([], ["y=1e0"]),
    ([], ["flag=TRUE"]),
    ([], ["text='1'"]),
    ([], ["nothing=null"]),
    ([], ["items=[1,2]"]),
    ([], ["net=small"]),
    ([], ["net.rate=0.1", "net=small"]),
    ([], ["nested.rate=5e-1"]),
    ([], ["nested={rate:.5}"]),
    ([], ["token='${oc.env:NOT_SET_ANYWHERE}'"]),
    ([], ["study.name=other"]),
    ([], ["++x=1"]),
    (["x=.5"], ["x=0.5"]),
    (["x=5e-1"], ["x=.50"]),
    (["items=[.5,1e0]"], ["items=[0.5,1.0]"]),
    (["nested.deep={a:.5}"], ["nested.deep.a=0.5"]),
    (["+new={a:1,b:2}"], ["+new={b:2,a:1}"]),
    (["+a=1", "+b=2"], ["+b=2", "+a=1"]),
    (["text=a"], ["text='a'"]),
    (["text='a b'"], ["text=a\\ b"]),
    (["net=wide"], ["net=small", "net=wide"]),
    (["net=wide"], ["net.width=9"]),
    (["seed=0"], []),
]
OTHER = [
    ([], ["x=1.0"]),
    ([], ["y=1"]),
    ([], ["x='1'"]),
    ([], ["x=true"]),
    ([], ["flag=1"]),
    ([], ["text=1"]),
    ([], ["nothing='null'"]),
    ([], ["items=[1,2.0]"]),
    ([], ["items=['1',2]"]),
    ([], ["items=[2,1]"]),
    ([], ["items=[]"]),
    ([], ["empty=null"]),
    ([], ["+empty.a=1"]),
    ([], ["~empty"]),
    ([], ["nested.deep.a=2"]),
    ([], ["net=wide"]),
    ([], ["seed=1"]),
    ([], ["+new={}"]),
    ([], ["token=x"]),
    (["net=wide"], ["net=tall"]),
    (["+new={}"], ["+new=[]"]),
    (["+new={a:{}}"], ["+new={a:null}"]),
    (["+new='{}'"], ["+new={}"]),
    (["x=[1,[2,3]]"], ["x=[[1,2],3]"]),
    (["text=a"], ["text=' a'"]),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=str)
def test_what_composes_to_one_configuration_is_one_point(composing: list, one: list[str], other: list[str]) -> None:
    assert identity(composing, *one) == identity(composing, *other)


@pytest.mark.parametrize(("one", "other"), OTHER, ids=str)
def test_what_composes_to_two_configurations_is_two_points(composing: list, one: list[str], other: list[str]) -> None:
    assert identity(composing, *one) != identity(composing, *other)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("rate=1", "rate=1.0", True),
        ("rate=1", "rate=2", False),
        ("count=2", "count='2'", True),
        ("colour=red", "colour=RED", False),
        ("colour=blue", "colour=2", True),
        ("names=[1]", "names=['1']", True),
    ],
)
def test_a_schema_makes_values_equal(composing: list, one: str, other: str, is_same: bool) -> None:
    found = [identity(composing, argument, name="typed") for argument in (one, other)]
    assert (found[0] == found[1]) == is_same
    many = fingerprints(composing, "typed").distinct(parse([f"{one},{other.partition('=')[2]}"], {}, None).grid())  # type: ignore[arg-type]
    assert len(many) == (1 if is_same else 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("x=1,1.0,'1',true,null,.5,5e-1", "net=small,wide,tall", "seed=range(0,3)"),
        ("nested.rate=0.1,0.5", "nested.deep.a=1,2", "net.width=1,2", "net=small,wide"),
        ("nested={rate:1},{rate:2}", "nested.deep.a=1,2", "nested.rate=1,3"),
        ("items=[1],[1,2],[1.0]", "+new.a=1,2", "+new.b=1,2"),
        ("alias.rate=1,2", "x=1,2"),
        ("text='${x}','${y}'", "empty=null,1"),
    ],
)
def test_the_short_way_gives_what_composing_each_point_gives(composing: list, arguments: Sequence[str]) -> None:
    """The slow way takes every key for a group, so that each point is composed."""
    points = list(parse(arguments, {}, GlobalHydra.instance().config_loader()).grid())
    random.Random(0).shuffle(points)
    short, slow = fingerprints(composing), fingerprints(composing, slow=True)
    for each in points:
        assert short.of(each) == slow.of(each)


def test_ten_thousand_points_compose_a_handful(composing: list) -> None:
    values = ",".join(str(number / 1000) for number in range(1, 101))
    space = parse([f"nested.rate={values}", "net=small,wide", "seed=range(0,50)"], {}, None)  # type: ignore[arg-type]
    found = fingerprints(composing).distinct(space.grid())
    assert len({each.identity for each in found}) == 10_000 and len({each.cell for each in found}) == 200
    assert len(composing) == 2


@pytest.mark.parametrize("seed", ["seed", "training.seed"])
def test_replicates_share_a_cell_and_nothing_else(composing: list, seed: str) -> None:
    made = fingerprints(composing, seed=seed)
    found = [made.of(point(*arguments)) for arguments in ([], [f"{seed}=7"], [f"{seed}=8"], ["x=2"])]
    assert len({each.identity for each in found}) == 4
    assert found[0].cell == found[1].cell == found[2].cell != found[3].cell


def test_equal_configurations_of_two_applications_are_two_points(composing: list) -> None:
    def composed(overrides: Sequence[str]) -> DictConfig:
        return compose("config", overrides=list(overrides))

    made = [Fingerprints(composed, lambda key: False, LEFT_OUT, application=name) for name in "ab"]
    assert made[0].of(point("x=1")).identity != made[1].of(point("x=1")).identity


def test_a_key_that_is_left_out_has_its_implied_value(composing: list) -> None:
    def composed(overrides: Sequence[str]) -> DictConfig:
        return compose("config", overrides=list(overrides))

    made = Fingerprints(composed, lambda key: False, LEFT_OUT, implied={"empty": 1.0, "nested.deep": 1})

    def identities(*lines: list[str]) -> set[str]:
        return {made.of(point(*line)).identity for line in lines}

    same = ["+empty.a=1"], ["+empty.a=1.0", "+empty.b=1"], ["++empty={a:1.0}"], ["+nested.deep.b=1.0"]
    [plain] = identities([], *same)
    other = ["+empty.a=2"], ["+empty.a=true"], ["+empty.a='1'"], ["+empty.a.b=1"], ["y=1"], ["+nested.deep.b=2"]
    found = identities(*other)
    assert len(found) == len(other) and plain not in found


def test_what_does_not_compose_is_known_by_its_overrides(composing: list) -> None:
    found = fingerprints(composing).distinct([point("net=smal"), point("net=smal"), point("net=larg"), point()])
    assert len(found) == 3 and [each.cell for each in found[:2]] == ["", ""]


def test_an_interruption_that_has_become_an_error_gives_no_point_another_identity() -> None:
    def compose(overrides: Sequence[str]) -> DictConfig:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("of an object that was half made")

    prints = Fingerprints(compose, lambda key: False, left_out=())
    with pytest.raises(KeyboardInterrupt):
        prints.of(Point(overrides={"x": "1"}, varied=("x",)))
