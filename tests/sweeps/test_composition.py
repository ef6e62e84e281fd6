"""A job is composed as Hydra composes it, whatever was composed before it."""

import enum
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf

from sweeps.identity import composition
from sweeps.identity.composition import compose
from sweeps.identity.snapshot import take_snapshot

FILES = {
    "config.yaml": """
        defaults: [{net: small}, {opt@training.opt: sgd}, {kind: typed}, _self_]
        x: 1
        text: a
        items: [1, 2]
        nested: {rate: 0.5, deep: {a: 1}}
        alias: ${nested.rate}
        where: ${oc.env:HOME}
        chosen: ${hydra:runtime.choices.net}
        anything: null
        training: {epochs: 3}
    """,
    "net/small.yaml": "defaults: [head: linear]\nwidth: 1\nrate: ${nested.rate}\n",
    "net/wide.yaml": "defaults: [head: deep]\nwidth: 9\n",
    "net/head/linear.yaml": "# @package net.head\nlayers: 1\n",
    "net/head/deep.yaml": "# @package net.head\nlayers: 3\n",
    "opt/sgd.yaml": "lr: 0.1\n",
    "opt/adam.yaml": "lr: 0.001\nbetas: [0.9, 0.999]\n",
    "extra/one.yaml": "# @package _global_\nx: 11\nextra: 1\n",
}

LINES = [
    [],
    ["x=2"],
    ["x=3", "nested.rate=0.25", "text='with, comma'"],
    ["+new=1"],
    ["++x=4", "++newer.deep=5"],
    ["~text"],
    ["~nested.deep.a"],
    ["~nested.rate=0.5"],
    ["items=[3,4,5]"],
    ["items.0=9"],
    ["nested={rate:0.1}"],
    ["alias=${x}"],
    ["anything={_target_: collections.Counter, red: 1}"],
    ["net=wide"],
    ["net=wide", "net.width=10"],
    ["x=5", "net=small", "net.width=2"],
    ["net/head=deep"],
    ["opt@training.opt=adam"],
    ["opt@training.opt=adam", "training.opt.betas=[0.1,0.2]"],
    ["+opt@other=adam", "other.lr=1.0"],
    ["+extra=one"],
    ["+extra=one", "x=12"],
    ["~net/head"],
    ["~opt@training.opt"],
    ["kind.count=7", "kind.colour=blue"],
    ["kind.names=[a,b]"],
    ["hydra.job.name=named"],
    ["hydra.run.dir=elsewhere", "x=7"],
    ["x=null"],
    ["x=${oc.env:HOME}"],
    ["x=1e-5", "training.epochs=-1"],
    ["text=''"],
    ["text=" + "long" * 50],
]
REFUSED = [
    ["y=1"],
    ["+x=1"],
    ["~nothing"],
    ["~text=b"],
    ["kind.count=many"],
    ["kind.colour=green"],
    ["net=absent"],
    ["opt=adam"],
    ["+net=wide"],
    ["x=1,2"],
    ["x.y=1"],
    ["x@there=1"],
    ["hydra/sweeper=absent"],
]


class Colour(enum.Enum):
    red = 1
    blue = 2


@dataclass
class Typed:
    count: int = 2
    colour: Colour = Colour.red
    names: list[str] = field(default_factory=list)


Composed = Callable[[list[str]], DictConfig]


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Hydra's, after each line was composed once."""
    folder = tmp_path_factory.mktemp("conf")
    ConfigStore.instance().store(group="kind", name="typed", node=Typed, replace=True)
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("\n".join(line[8:] if line.startswith(" " * 8) else line for line in content.splitlines()))
    with initialize_config_dir(str(folder)):
        found: Any = GlobalHydra.instance().config_loader()
        take_snapshot(found)
        for line in LINES:
            compose(found, master(found), line)
        yield found


def master(loader: Any) -> DictConfig:
    return loader.load_configuration("config", [], RunMode.MULTIRUN)


def nodes(node: Any, path: str = "") -> Iterator[Any]:
    """All that a configuration is: values, types and flags, node by node."""
    about = node._metadata
    yield path, type(node), about.ref_type, about.object_type, about.optional, dict(about.flags or {})
    content = node.__dict__["_content"] if isinstance(node, DictConfig | ListConfig) else node._value()
    if isinstance(content, dict | list):
        for key, child in content.items() if isinstance(content, dict) else enumerate(content):
            assert child._get_parent() is node
            yield from nodes(child, f"{path}.{key}")
    else:
        yield content


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_what_was_composed_before_changes_nothing(loader: Any, line: list[str]) -> None:
    whole = master(loader)
    expected = loader.load_sweep_config(whole, line)
    for found in (compose(loader, whole, line), compose(loader, whole, line)):
        assert list(nodes(found)) == list(nodes(expected))
        assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(expected)
    spoilt = compose(loader, whole, line)
    OmegaConf.update(spoilt, "training.spoilt", {"a": 1}, force_add=True)
    assert list(nodes(compose(loader, whole, line))) == list(nodes(expected))


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_what_hydra_refuses_is_refused_in_its_words(loader: Any, line: list[str]) -> None:
    whole = master(loader)
    with pytest.raises(Exception) as expected:
        loader.load_sweep_config(whole, line)
    for _ in range(2):
        with pytest.raises(type(expected.value)) as found:
            compose(loader, whole, line)
        assert str(found.value) == str(expected.value)


def test_files_are_merged_once_for_all_jobs_of_the_same_choices(loader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    merged = []
    own = type(loader)._load_single_config
    monkeypatch.setattr(
        type(loader), "_load_single_config", lambda self, *args, **more: merged.append(1) or own(self, *args, **more)
    )
    whole = master(loader)
    for net in ("small", "wide"):
        compose(loader, whole, [f"net={net}", "x=1"])
    num_files = len(merged)
    copied = pickle.loads(pickle.dumps(loader.repository.merged))  # as a process of the fork server gets it
    for x in range(20):
        assert compose(loader, whole, [f"net={('small', 'wide')[x % 2]}", f"x={x}"]).x == x
    assert len(merged) == num_files and copied.known.keys() == loader.repository.merged.known.keys()


def test_an_override_that_all_jobs_have_is_parsed_once(loader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = list[str]()
    own = composition._parse_rule
    monkeypatch.setattr(
        composition, "_parse_rule", lambda parser, text, rule: parsed.append(text) or own(parser, text, rule)
    )
    whole = master(loader)
    for x in range(100, 104):
        assert compose(loader, whole, ["nested.rate=0.0625", f"x={x}"]).x == x
    assert parsed == ["nested.rate=0.0625", *(f"x={x}" for x in range(100, 104))]
