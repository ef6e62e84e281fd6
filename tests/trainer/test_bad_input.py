"""A user's mistake: one line with the rule, the value and the nearest valid ones; exit 2; nothing created."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import execution_whitelist
from omegaconf.errors import OmegaConfBaseException

from tests.conftest import REPOSITORY, Commands, lines
from trainer_pkg.check import check
from trainer_pkg.entry import WHITELIST, one_line, register_open_nodes

CASES = {
    "modle=cnn": "Did you mean 'model'?",
    "model=cnnn": "model=cnnn does not exist. Options: cnn, dense. Did you mean 'cnn'?",
    "experiment=exampel": "Did you mean 'example'?",
    "model.sise=tiny": "Did you mean 'size'?",
    "model.size=tinny": "model.size=tinny is unknown to this family. Sizes: tiny, small, base, large.",
    "model.net.dropot=0.1": "Did you mean 'dropout'?",
    "model.loss_weights.thicknes=0.1": "names no head of this data. Heads: digit, thickness, smoothness. Did you mean",
    "model.loss_weights.digit=-1": "model.loss_weights.digit=-1 must be a finite number of at least 0.",
    "model.loss_weights.digit=.nan": "must be a finite number",
    "model.loss_weights.digit=heavy": "must be a finite number",
    "+model.criteria.size._target_=torch.nn.CrossEntropyLoss": "model.criteria.size names no head",
    "model.optimizer.lr=abc": "model.optimizer.lr=abc must be of type float.",
    "model.criterion._target_=torch.nn.Nope": "torch.nn.Nope",
    "model.criterion._target_=os.system": "os.system",
    "study.objective=val/digit_ac": "is reported by no head. Reported: ",
    "callbacks.best.monitor=val/nothing": "callbacks.best.monitor=val/nothing is reported by no head.",
    "ckpt_path=/nope.ckpt": "ckpt_path=/nope.ckpt is not a file.",
    "data.batch_size=0": "data.batch_size=0 must be a whole number of at least 1.",
    "data.num_val=100000": "leaves no training rows",
    "data.labels.heads.thickness=[1,2]": "has 2 entries, but the data has 10 classes",
    "trainer.max_epochs=abc": "trainer.max_epochs=abc must be of type int.",
    "trainer.accelerator=warp": "trainer: ",
    "+trainer.max_epoch=3": "Did you mean 'max_epochs'?",
    "seed=abc": "seed=abc must be a whole number",
    "data/labels=documentd": "Did you mean 'documented'?",
}


@pytest.mark.parametrize("override", CASES)
def test_a_mistake_is_one_line_that_names_it(override: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    register_open_nodes()
    with (
        initialize_config_dir(str(REPOSITORY / "configs")),
        execution_whitelist(WHITELIST),
        pytest.raises((HydraException, OmegaConfBaseException)) as caught,
    ):
        check(compose("train", overrides=["data=multihead_digits", f"paths.data_dir={tmp_path}/data", override]))
    line = one_line(caught.value)
    assert CASES[override] in line and "\n" not in line
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["model=cnnn"], "Did you mean 'cnn'?"),
        (["model.size=tinny"], "Sizes: "),
        (["-m", "model=dense,cnnn"], "Did you mean 'cnn'?"),
        (["-m", "data=multihead_digits", "model.loss_weights.thicknes=0.1,0.5"], "names no head"),
        (["-m", "model=dense,cnn", "study.objective=val/nothing"], "is reported by no head"),
        (["-m", "data=mnist", "model=dense,cnn", "+data.source.download=false"], "holds no MNIST/raw"),
        (["data=mnist", "+data.source.download=false"], "holds no MNIST/raw"),
    ],
)
def test_the_command_ends_with_2_and_leaves_nothing(commands: Commands, arguments: list[str], text: str) -> None:
    result = commands.run("train", *arguments)
    assert result.returncode == 2, result.stderr
    assert len(lines(result.stderr)) == 1 and result.stderr.startswith("Error: ") and text in result.stderr
    assert commands.made() == []
    assert not (commands.folder / "data" / "MNIST").exists()


def test_a_damaged_checkpoint_is_refused_by_evaluate(commands: Commands) -> None:
    (commands.folder / "x.ckpt").write_bytes(b"nothing of the kind")
    result = commands.run("evaluate", "ckpt_path=x.ckpt")
    assert result.returncode == 2 and len(lines(result.stderr)) == 1
    assert "ckpt_path=x.ckpt is no readable checkpoint" in result.stderr
    assert commands.made() == ["x.ckpt"]
