"""A run is made of what its configuration names, and of nothing else."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from omegaconf import DictConfig

from tests.conftest import REPOSITORY
from trainer_pkg.assemble import Run, assemble, names_in
from trainer_pkg.checkpoint import AtomicCheckpointIO, ResumeCheckpoint
from trainer_pkg.errors import ConfigError
from trainer_pkg.models import register_models
from trainer_pkg.run import objective, train
from trainer_pkg.trusted import WHITELIST


def config(tmp_path: Path, *overrides: str) -> DictConfig:
    register_models()
    paths = (f"paths.output_dir={tmp_path}/run", f"paths.data_dir={tmp_path}/data")
    with initialize_config_dir(str(REPOSITORY / "configs")):
        return compose("train", overrides=[*paths, "model.size=tiny", "trainer.accelerator=cpu", *overrides])


def assembled(tmp_path: Path, *overrides: str) -> Run:
    cfg = config(tmp_path, *overrides)
    with execution_whitelist(WHITELIST):
        return assemble(cfg)


def test_a_run_has_the_callbacks_loggers_and_checkpoints_of_its_configuration(tmp_path: Path) -> None:
    made = assembled(tmp_path, "data=multihead_digits", "logger=csv", "callbacks.early_stopping.patience=7")
    kinds = [type(callback) for callback in made.trainer.callbacks]  # type: ignore[attr-defined]
    assert {ModelCheckpoint, EarlyStopping, ResumeCheckpoint} <= set(kinds)
    assert made.trainer.early_stopping_callback is not None and made.trainer.early_stopping_callback.patience == 7
    assert made.record in made.trainer.callbacks  # type: ignore[attr-defined]
    assert [type(logger).__name__ for logger in made.trainer.loggers] == ["JournalLogger", "CSVLogger"]
    assert isinstance(made.trainer.strategy.checkpoint_io, AtomicCheckpointIO)
    assert list(made.module.network.heads) == ["digit", "thickness", "smoothness"]
    assert not (tmp_path / "data").exists(), "nothing is read before training"


def test_an_entry_that_is_null_is_left_out(tmp_path: Path) -> None:
    cfg = config(tmp_path, "callbacks.early_stopping=null")
    assert names_in(cfg, "callbacks") == ["best", "resume", "trial", "progress"]
    made = assembled(tmp_path, "callbacks.early_stopping=null", "~logger")
    assert made.trainer.early_stopping_callback is None and made.trainer.loggers == []


def test_an_assembled_run_trains_and_its_checkpoint_says_what_it_was(tmp_path: Path) -> None:
    made = assembled(tmp_path, "trainer.max_epochs=1", "trainer.limit_train_batches=2")
    metrics = train(made.data, made.module, made.trainer)
    assert metrics.keys() == {*made.module.metric_directions, "val/selected_epoch"}
    again = assembled(tmp_path)
    train(again.data, again.module, again.trainer, tmp_path / "run" / "checkpoints" / "best.ckpt", fit=False)
    assert again.record.metrics["val/acc"] == metrics["val/acc"]


def test_an_objective_is_one_value_for_each_name() -> None:
    assert objective({"a": 1.0, "b": 2.0}, "b") == 2.0
    assert objective({"a": 1.0, "b": 2.0}, ["b", "a"]) == (2.0, 1.0)
    assert objective({"a": 1.0}, None) is None


def test_an_objective_that_was_never_reported_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"study\.objective=c was never reported\. Reported: a, b\."):
        objective({"a": 1.0, "b": 2.0}, ["a", "c"])
