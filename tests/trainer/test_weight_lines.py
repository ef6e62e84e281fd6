"""The commands of docs/loss-weights.md: what each asks for, without training it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import execution_whitelist

from sweeps.plan import Plan, read_plan
from tests.conftest import REPOSITORY
from tests.pages import Page
from trainer_pkg.data.tensors import write
from trainer_pkg.models import register_models
from trainer_pkg.spec import Continuous, DataSpec
from trainer_pkg.trusted import WHITELIST

STUDIES = REPOSITORY / "docs" / "studies"
PAGE = Page(REPOSITORY / "docs" / "loss-weights.md")
LINES = [line.rsplit("  # ", 1) for line in PAGE.commands()]
STUDENTS = next(line for line, _ in LINES if "[1,.1,.1]" in line)


@pytest.fixture(autouse=True)
def configs() -> Iterator[None]:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(WHITELIST):
        yield


def plan(line: str) -> Plan:
    """What a line asks for; as Hydra does, the configuration is composed without what is swept."""
    arguments = shlex.split(line)[2:]
    hydra: Hydra | None = GlobalHydra.instance().hydra
    assert hydra is not None
    parsed = OverridesParser.create(hydra.config_loader).parse_overrides(arguments)
    fixed = [text for text, each in zip(arguments, parsed, strict=True) if not each.is_sweep_override()]
    config = compose("train", overrides=fixed, return_hydra_config=True)
    return read_plan(config, arguments, {}, hydra.config_loader, trusted=WHITELIST)


def test_the_page_has_commands() -> None:
    assert len(LINES) == 8 and PAGE.labels() == {""}


@pytest.mark.parametrize(("line", "num_trials"), LINES)
def test_a_line_asks_for_as_many_trials_as_the_page_says(line: str, num_trials: str) -> None:
    made = plan(line)
    if num_trials == "refines":
        assert made.settings.refine == 4 and made.given is not None and made.given.refine is not None
    else:
        assert len({point.key for point in made.points()}) == made.num_points == int(num_trials)


@pytest.mark.parametrize("study", ["mnist", "qm9"])
def test_the_line_of_a_published_study_asks_for_the_trials_of_its_frame(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    heads = {head: Continuous(low=0.0, high=1.0) for head in ("mu", "alpha", "gap", "cv")}
    columns = {"image": torch.zeros(1, 1, 2, 2, dtype=torch.uint8), **{head: torch.zeros(1) for head in heads}}
    Path("data").mkdir()
    write(
        Path("data/qm9.pt"), DataSpec(input_shape=(1, 2, 2), targets=dict(heads)), {"train": columns, "test": columns}
    )
    page = Page(STUDIES / f"{study}.md")
    (line,) = [command for command in page.commands() if command.startswith("train")]
    frame = pd.read_csv(STUDIES / f"{study}-trials.csv", dtype=str).fillna("")
    keys = [key for key in frame if key.startswith("model.loss_weights.")] + ["model", "model/balancer", "seed", "role"]
    ran = sorted(tuple(map(str, row)) for row in frame[keys].itertuples(index=False))
    asked = [{"model": "mlp", **point.overrides, "role": point.role} for point in plan(line).points()]
    assert sorted(tuple(point.get(key, "") for key in keys) for point in asked) == ran


def test_the_students_study_is_one_line_of_at_most_160_characters() -> None:
    assert len(STUDENTS) <= 160
    points = plan(STUDENTS).points()
    rows = {
        (point.overrides["model"], *(float(point.overrides[f"model.loss_weights.{head}"]) for head in heads))
        for point in points
        for heads in [("digit", "thickness", "smoothness")]
    }
    single_tasks = [(3, 0, 0), (0, 3, 0), (0, 0, 3)]  # a head alone has all of the sum
    typed = [(1, 1, 1), (1, 0.5, 0.5), (1, 0.1, 1), (1, 1, 0.1), (0.1, 1, 1), (1, 0.1, 0.1)]
    assert rows == {(model, *weights) for model in ("dense", "cnn") for weights in [*single_tasks, *typed]}
    assert [point.role for point in points[:27]] == ["baseline"] * 12 + ["weighting"] * 15
    assert len(points) == 54 and plan(STUDENTS).name == plan(STUDENTS).name


def test_every_weighting_sums_to_the_number_of_heads() -> None:
    for name in re.findall(r"^\| `(\w+)`", PAGE.text, re.MULTILINE):
        made = plan(f"train -m experiment=weights_mnist study/weighting={name}")
        for point in made.points():
            weights = [float(text) for key, text in point.overrides.items() if key.startswith("model.loss_weights.")]
            assert len(weights) == 3 and sum(weights) == pytest.approx(3, abs=3e-6), name
        assert made.given is not None and "sums to 3, the number of heads" in made.given.note
