"""A user's mistake: one line with the rule, the value and the nearest valid ones; exit 2; nothing created."""

import subprocess
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import execution_whitelist
from omegaconf.errors import OmegaConfBaseException

from tests.conftest import REPOSITORY, Commands, lines
from tests.trainer.runs import command_in_fork
from trainer_pkg import evaluate
from trainer_pkg.models import register_models
from trainer_pkg.preflight.check import check
from trainer_pkg.preflight.one_line import one_line
from trainer_pkg.trusted import WHITELIST

GOLDEN: dict[str, str] = yaml.safe_load((Path(__file__).parent / "golden_messages.yaml").read_text())


@pytest.mark.parametrize("override", GOLDEN)
def test_a_mistake_is_one_line_that_names_it(override: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    register_models()
    with (
        initialize_config_dir(str(REPOSITORY / "configs")),
        execution_whitelist(WHITELIST),
        pytest.raises((HydraException, OmegaConfBaseException)) as caught,
    ):
        check(compose("train", overrides=["data=multihead_digits", f"paths.data_dir={tmp_path}/data", override]))
    assert one_line(caught.value) == GOLDEN[override]
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["model=cnnn"], "Did you mean 'cnn'?"),
        (["model.size=tinny"], "Sizes: "),
        (["logger=wandb"], "logger=wandb has no key: `wandb login`, or logger.wandb.offline=true."),
        (["logger=[csv,tensrboard]"], "Did you mean 'tensorboard'?"),
        (
            ["model/scheduler=cosine", "model.scheduler.T_max=0"],
            "model.optimizer, model.scheduler: integer modulo by zero",
        ),
        (["model.criterion._target_=torch.nn.CrosEntropyLoss"], "Did you mean 'torch.nn.CrossEntropyLoss'?"),
        (["data=mnist", "+data.source.download=false"], "holds no MNIST/raw"),
    ],
)
def test_a_run_ends_with_2_and_leaves_nothing(tmp_path: Path, data_dir: Path, arguments: list[str], text: str) -> None:
    refuses(command_in_fork(tmp_path, *arguments, SWEEPS_DATA_DIR=str(data_dir)), text, tmp_path, data_dir)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["model=dense,cnn", "study.objective=val/nothing"], "No head reports val/nothing"),
        (["data=mnist", "model=dense,cnn", "+data.source.download=false"], "holds no MNIST/raw"),
    ],
)
def test_a_sweep_ends_with_2_and_leaves_nothing(
    tmp_path: Path, data_dir: Path, arguments: list[str], text: str
) -> None:
    done = command_in_fork(tmp_path, "-m", *arguments, "tracking.uri=null", SWEEPS_DATA_DIR=str(data_dir))
    refuses(done, text, tmp_path, data_dir)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["model.size=tinny"], "Sizes: ", marks=pytest.mark.slow),
        (["-m", "model=dense,cnnn"], "Did you mean 'cnn'?"),
        (["-m", "data=multihead_digits", "model.loss_weights.thicknes=0.1,0.5"], "there is no head 'thicknes'"),
    ],
)
def test_the_command_ends_with_2_and_leaves_nothing(
    commands: Commands, data_dir: Path, arguments: list[str], text: str
) -> None:
    refuses(commands.run("train", *arguments), text, commands.folder, data_dir)


def refuses(done: subprocess.CompletedProcess[str], text: str, folder: Path, data_dir: Path) -> None:
    assert done.returncode == 2, done.stderr
    assert len(lines(done.stderr)) == 1 and done.stderr.startswith("Error: ") and text in done.stderr
    assert list(folder.iterdir()) == []
    assert not (data_dir / "MNIST").exists()


def test_a_damaged_checkpoint_is_refused_by_evaluate(tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(b"nothing of the kind")
    result = command_in_fork(tmp_path, "ckpt_path=x.ckpt", main=evaluate.main)
    assert result.returncode == 2 and len(lines(result.stderr)) == 1
    assert "ckpt_path=x.ckpt is no readable checkpoint" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.ckpt"]


@pytest.mark.parametrize("arguments", [(), ("ckpt_path=null",)])
def test_evaluate_asks_for_a_checkpoint(commands: Commands, arguments: tuple[str, ...]) -> None:
    result = commands.run("evaluate", *arguments)
    assert result.returncode == 2 and commands.made() == []
    assert result.stderr == "Error: ckpt_path=null: evaluate tests a checkpoint. ckpt_path=FILE names it.\n"
