"""Lines that Hydra's users type give the points that Hydra's own sweeper gives, in its order, each of them once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from sweeps.parsing import parse
from sweeps.values import typed
from tests.sweeps.test_draws import SAMPLERS, run, study_in

FILES = {
    "app.yaml": "defaults: [{body: dense}, {opt: sgd}, _self_]\nx: 1\nlr: 0.1\nname: a\nflag: true\nseed: 0\n"
    "some: [1, 2]\nweights: {a: 1.0, b: 2.0}\nderived: ${x}\n",
    "body/dense.yaml": "kind: dense\nwidth: 8\nnet: {depth: 1}\n",
    "body/cnn.yaml": "kind: cnn\nwidth: 16\nnet: {depth: 2}\n",
    "body/vit_tiny.yaml": "kind: vit\nwidth: 32\nnet: {depth: 3, heads: 2}\n",
    "body/vit_base.yaml": "kind: vit\nwidth: 64\nnet: {depth: 6, heads: 4}\n",
    "opt/sgd.yaml": "lr: 0.1\nmomentum: 0\n",
    "opt/adam.yaml": "lr: 0.001\nbetas: [0.9, 0.999]\n",
    "extra/more.yaml": "more: 1\n",
}

LINES = [
    "x=1,2,3",
    "x=3,1,2",
    "x=1 lr=0.1,0.2",
    "x=1,2 lr=0.1,0.2 seed=0,1,2",
    "x=choice(1,2,3)",
    "name=choice(a,b,c)",
    "x=range(1,4)",
    "x=range(4)",
    "x=range(1,10,3)",
    "x=range(5,1,-2)",
    "lr=range(0,1,0.25)",
    "lr=range(1.0,2.0,0.5)",
    "x=sort(3,1,2)",
    "x=sort(3,1,2,reverse=true)",
    "x=sort(choice(3,1,2))",
    "x=sort(range(4),reverse=true)",
    "body=dense,cnn",
    "body=glob(*)",
    "body=glob(vit*)",
    "body=glob(*,exclude=vit*)",
    "body=glob([dense,cnn])",
    "body=glob(*) x=1,2",
    "body=dense,cnn opt=sgd,adam",
    "opt=adam body=dense,cnn opt.lr=0.01,0.1",
    "body=dense,cnn body.width=1,2",
    "+extra=more x=1,2",
    "+new=1,2",
    "++x=5,6",
    "~opt x=1,2",
    "some=[1],[2,3]",
    "some=[1,2],[]",
    "weights={a:1},{a:2,b:3}",
    "weights.a=0.1,0.5 weights.b=1,2",
    "name='a b',c",
    'name="1",2',
    "flag=true,false",
    "x=null,1",
    "lr=1e-3,1e-2",
    "name=a-b,a.b,a/b",
    "x=int(1.5),2",
    "lr=float(choice(1,2))",
    "x=tag(t, choice(1,2))",
    "name=${seed},x",
    "x=1,1,2",
    "x=5 lr=0.1 seed=1,2 name=b",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("conf")
    for name, text in FILES.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text)
    with initialize_config_dir(str(made)):
        yield made


def composed(arguments: list[str]) -> str:
    return typed(OmegaConf.to_container(compose("app", arguments), resolve=True))


def words_of(line: str) -> list[str]:
    """As a shell would split it, but for quotes, which are of Hydra's grammar here."""
    words: list[str] = []
    for word in line.split(" "):
        is_open = bool(words) and (words[-1].count("'") % 2 or words[-1].count("(") > words[-1].count(")"))
        words[-1:] = [f"{words[-1]} {word}"] if is_open else [*words[-1:], word]
    return words


@pytest.mark.parametrize("line", LINES)
def test_a_line_gives_the_points_of_hydras_own_sweeper(line: str, folder: Path) -> None:
    loader: Any = GlobalHydra.instance().config_loader()
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(words_of(line))
    (batch,) = BasicSweeper.split_arguments(parsed, None)
    theirs = [composed(list(arguments)) for arguments in batch]
    ours = [composed(point.as_arguments()) for point in parse(words_of(line), {}, loader).grid()]
    assert ours == list(dict.fromkeys(theirs)) and ours


@pytest.mark.parametrize(
    ("line", "key", "values"),
    [("~weights.b x=1,2", "weights", [{"a": 1.0}] * 2), ("name=str(choice(1,2))", "name", ["1", "2"])],
)
def test_a_deletion_and_a_cast_mean_what_they_say(line: str, key: str, values: list[Any], folder: Path) -> None:
    # Hydra's own sweeper makes `~weights.b=null` of the first, which does not compose, and numbers of the second.
    loader: Any = GlobalHydra.instance().config_loader()
    points = parse(line.split(" "), {}, loader).grid()
    assert [compose("app", point.as_arguments())[key] for point in points] == values


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_sampler_draws_from_groups_and_globs(sampler: str, folder: Path, tmp_path: Path) -> None:
    loader: Any = GlobalHydra.instance().config_loader()
    endless = [] if sampler == "brute" else ["lr=tag(log, interval(0.001, 1))"]
    space = parse(["body=glob(*)", "opt=sgd,adam", "x=range(0,4)", *endless], {}, loader)
    study = study_in(tmp_path, space, 20)
    run(study, space, SAMPLERS[sampler], lambda point: float(point.overrides["x"]))
    points = [trial.point.overrides for trial in study.trials() if trial.point]
    assert len({typed(point) for point in points}) == len(points) == 20
    assert {point["body"] for point in points} <= {"cnn", "dense", "vit_base", "vit_tiny"}
    assert all(composed([f"{key}={text}" for key, text in point.items()]) for point in points)


def test_there_are_forty_of_them() -> None:
    assert len(LINES) == len(set(LINES)) >= 40
