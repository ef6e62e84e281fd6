"""Every option of every group composes and binds; no two files are alike."""

from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from omegaconf import DictConfig, OmegaConf

from tests.conftest import REPOSITORY, Commands
from trainer_pkg.assemble import build
from trainer_pkg.models import register_models
from trainer_pkg.preflight.signatures import check_signatures
from trainer_pkg.trusted import WHITELIST

CONFIGS = REPOSITORY / "configs"
GROUPS = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())
MODELS = sorted(path.stem for path in (CONFIGS / "model" / "backbone").glob("*.yaml"))
OPTIONS = [
    (group, path.stem) for group in GROUPS if group != "hydra" for path in sorted((CONFIGS / group).glob("*.yaml"))
] + [("model", model) for model in MODELS]


def composed(*overrides: str) -> DictConfig:
    register_models()
    with initialize_config_dir(str(CONFIGS)):
        return compose("train", overrides=["paths.output_dir=.", *overrides], return_hydra_config=True)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_binds_its_arguments(group: str, option: str) -> None:
    cfg = composed(f"{group}={option}")
    for key in ("data", "model", "trainer", "callbacks", "logger"):
        check_signatures(OmegaConf.to_container(cfg[key], resolve=True) if cfg[key] else None, key)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("experiment", [option for group, option in OPTIONS if group == "experiment"])
def test_every_experiment_combines_with_every_model(experiment: str, model: str, tmp_path: Path) -> None:
    cfg = composed(f"experiment={experiment}", f"model={model}", f"paths.data_dir={tmp_path}")
    with execution_whitelist(WHITELIST):
        data = build(cfg.data)
        module = build(cfg.model, spec=data.spec)
    assert model.startswith(cfg.model.net._target_.rpartition(".")[2].lower())
    assert cfg.study.objective in module.metric_directions


def test_a_backbone_and_its_model_are_the_same(tmp_path: Path) -> None:
    for model in MODELS:
        assert composed(f"model={model}").model == composed(f"model/backbone={model}").model


def test_overrides_reach_what_they_name() -> None:
    cfg = composed(
        "experiment=multihead_cnn_mnist",
        "trainer.max_epochs=3",
        "data.batch_size=16",
        "model.optimizer.lr=0.5",
        "model.net.dropout=0.1",
        "tags=[a,b]",
        "model.loss_weights.thickness=0.25",
    )
    assert (cfg.trainer.max_epochs, cfg.data.batch_size, cfg.model.optimizer.lr) == (3, 16, 0.5)
    assert (cfg.model.net.dropout, list(cfg.tags), cfg.model.loss_weights.thickness) == (0.1, ["a", "b"], 0.25)


def test_both_label_strategies_have_their_documented_tables() -> None:
    tables = {
        name: OmegaConf.to_container(composed("data=multihead_mnist", f"data/labels={name}").data.labels.heads)
        for name in ("documented", "parity")
    }
    by_rule = [d // 2 if d % 2 == 0 else min(4, d // 2 + 2) for d in range(10)]
    assert tables["parity"]["thickness"] == by_rule  # type: ignore[index,call-overload]
    assert tables["documented"]["thickness"] == [2, 1, 3, 3, 2, 3, 2, 1, 4, 3]  # type: ignore[index,call-overload]


def test_no_two_files_of_a_group_are_alike() -> None:
    for group in GROUPS:
        texts = {path: path.read_text().splitlines() for path in sorted((CONFIGS / group).glob("*.yaml"))}
        long = {path: text for path, text in texts.items() if len(text) > 8}
        for one, two in combinations(long, 2):
            shared = SequenceMatcher(None, long[one], long[two]).ratio()
            assert shared <= 0.7, f"{one.name} and {two.name} share {shared:.0%} of their lines"


def test_there_are_few_config_files() -> None:
    # What several files share is nobody's choice: it makes them fewer lines, not more.
    choices = [path for path in CONFIGS.rglob("*.yaml") if path.parent.name != "parts"]
    assert len(choices) <= 62


def test_a_head_and_a_label_map_need_no_code(tmp_path: Path) -> None:
    orientation, parity = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1], [0, 4, 0, 4, 0, 4, 0, 4, 0, 4]
    cfg = composed(
        *("data=multihead_digits", f"paths.data_dir={tmp_path}", "model.loss_weights.orientation=0.5"),
        *(f"+data.labels.heads.orientation={orientation}", f"data.labels.heads.thickness={parity}"),
    )
    with execution_whitelist(WHITELIST):
        data = build(cfg.data)
        module = build(cfg.model, spec=data.spec)
    data.prepare_data()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch["orientation"].tolist() == [orientation[digit] for digit in batch["digit"]]
    assert batch["thickness"].tolist() == [parity[digit] for digit in batch["digit"]]
    outputs = module(data.on_after_batch_transfer(batch, 0)["image"])
    widths = {head: output.shape[1] for head, output in outputs.items()}
    assert widths == {"digit": 10, "thickness": 5, "smoothness": 3, "orientation": 4}
    assert module.criteria.weights["orientation"] == 0.5


def test_the_documented_cifar_heads_have_their_sizes(tmp_path: Path) -> None:
    with execution_whitelist(WHITELIST):
        spec = build(composed("data=cifar10_multihead", f"paths.data_dir={tmp_path}").data).spec
    assert {head: target.num_outputs for head, target in spec.targets.items()} == {
        "class": 10,
        "domain": 2,
        "mobility": 3,
        "size": 3,
    }


def test_info_and_tab_completion_work(commands: Commands) -> None:
    info = commands.run("train", "--info", "defaults")
    assert info.returncode == 0 and "model/backbone/dense" in info.stdout, info.stderr
    for typed, offered in {"model=c": "model=cnn model=convnext", "model.net.dr": "model.net.dropout="}.items():
        commands.environment.update(COMP_LINE=f"train {typed}", COMP_POINT="99")
        done = commands.run("train", "--shell-completion", "query=bash")
        assert (done.returncode, done.stdout.strip()) == (0, offered), done.stderr
    assert commands.made() == []
