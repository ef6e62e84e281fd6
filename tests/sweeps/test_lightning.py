"""The logger records whatever a module of somebody else's hands it, and never ends a training."""

import argparse
import enum
import json
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sweeps.lightning import JournalLogger, TrialCallback
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import Trial, enter
from sweeps.trial.journal import Journal, events, samples, values
from sweeps.worker.last_word import report_of
from sweeps.worker.messages import GaveUp, Prune, Raised, encode
from sweeps.worker.piped import PipedTrial
from tests.quiet import QUIET


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Level(enum.Enum):
    LOW = 1


class Theirs(LightningModule):
    """Saves everything that it gets, as most modules of Hydra users do."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss = self.layer(batch).sum()
        self.log("loss", loss)
        self.logger.log_metrics({"text": "no number", "many": torch.zeros(2), "huge": 10**400, 3: 1.5})  # type: ignore
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:Attribute 'loss' is an instance of `nn.Module`")
def test_any_hyperparameters_are_recorded_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "canary")
    given: dict[str, Any] = {
        "cfg": OmegaConf.create({"lr": 0.1, "token": "${oc.env:TOKEN}", "gone": "${nothing.there}", "need": "???"}),
        "path": Path("a/b"),
        "rate": np.float32(0.5),
        "count": np.int64(3),
        "array": np.arange(3),
        "scalar": torch.tensor(2.0),
        "tensor": torch.zeros(2, 2),
        "names": {"b", "a"},
        "loss": nn.CrossEntropyLoss(),
        "level": Level.LOW,
        "function": len,
        "broken": Broken(),
        "huge": 10**5000,
        "keys": {(1, 2): "pair", None: 0, 3: [b"bytes", 1j]},
        "odd": float("nan"),
    }
    given["itself"] = given["keys"]["itself"] = {}
    given["itself"]["again"] = given["itself"]
    trainer = Trainer(
        logger=JournalLogger(str(tmp_path)),
        max_steps=1,
        log_every_n_steps=1,
        **QUIET,
    )
    trainer.fit(Theirs(**given), DataLoader(torch.ones(2, 1)))  # type: ignore[arg-type]
    path = TrialFiles(tmp_path).journal
    [event] = events(path, "hyperparameters")
    kept = event["values"]
    assert kept["cfg"] == {"lr": 0.1, "token": "${oc.env:TOKEN}", "gone": "${nothing.there}", "need": "???"}
    assert (kept["path"], kept["rate"], kept["count"], kept["scalar"]) == ("a/b", 0.5, 3, 2.0)
    assert kept["names"] == ["a", "b"] and kept["loss"] == "CrossEntropyLoss()" and kept["broken"] == "<Broken>"
    assert kept["array"] == "array([0, 1, 2])" and kept["tensor"].startswith("tensor([[0., 0.]")
    assert kept["keys"]["(1, 2)"] == "pair" and kept["keys"]["3"] == ["b'bytes'", "1j"]
    assert "canary" not in path.read_text()
    assert {sample.name for sample in samples(path)} == {"loss", "huge", "3", "epoch"}


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        (argparse.Namespace(lr=1, path=Path("x")), {"lr": 1, "path": "x"}),
        (OmegaConf.create({"a": [1, "${b}"], "b": 2}), {"a": [1, "${b}"], "b": 2}),
        (None, None),
        (object, "<class 'object'>"),
    ],
)
def test_hyperparameters_of_any_form(tmp_path: Path, params: Any, kept: Any) -> None:
    JournalLogger(str(tmp_path)).log_hyperparams(params)
    assert events(TrialFiles(tmp_path).journal, "hyperparameters")[0]["values"] == kept


def test_a_line_of_the_journal_is_short_and_stands_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.event("network", network=nn.Sequential(*[nn.Linear(2, 2) for _ in range(500)]), text="a\nb\ud800")
    journal.log({"x": np.float64(1.0)}, step=1)
    first, second = TrialFiles(tmp_path).journal.read_text().splitlines()
    assert len(first) < 1500 and json.loads(first)["text"] == "a\nb\ud800" and json.loads(second)["metrics"] == {"x": 1}


class Graded(LightningModule):
    """Somebody else's module: its validation loss goes down and up again, its training loss is what it is told."""

    def __init__(self, val: Sequence[float], losses: Sequence[float] = (0.0,)) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self._val, self._losses = val, losses

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss = self.layer(batch).sum() * 0 + self._losses[min(self.current_epoch, len(self._losses) - 1)]
        self.log("own", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val_loss", self._val[self.current_epoch])
        self.log("val_other", float(self.current_epoch))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[PipedTrial]:
    """The trial of this process, whose worker reads nothing."""
    ours, theirs = multiprocessing.Pipe()
    made = PipedTrial(theirs, 0, tmp_path)
    enter(made)
    yield made
    enter(Trial())
    ours.close()


def fit(folder: Path, module: LightningModule, *callbacks: Callback, logs: bool = True) -> Trainer:
    options = {**QUIET, "enable_checkpointing": True, "num_sanity_val_steps": 0, "log_every_n_steps": 1}
    logger: Any = [JournalLogger(str(folder)), CSVLogger(folder)] if logs else False
    trainer = Trainer(logger=logger, max_epochs=4, callbacks=list(callbacks), default_root_dir=folder, **options)
    rows = DataLoader(torch.ones(4, 1))  # type: ignore[arg-type]
    trainer.fit(module, rows, rows)
    return trainer


@pytest.mark.parametrize("logs", [True, False])
@pytest.mark.parametrize(
    ("kept", "select", "expected"),
    [
        ({"monitor": "val_loss"}, True, (0.25, 1.0)),
        ({"monitor": "val_loss", "mode": "max"}, True, (1.0, 3.0)),
        ({"monitor": "val_loss", "save_weights_only": True}, True, (0.25, 1.0)),
        # The trainer keeps another epoch than the best one.
        ({"monitor": "val_loss", "every_n_epochs": 3}, True, (0.5, 2.0)),
        ({}, True, (1.0, 3.0)),
        ({"monitor": "val_loss"}, False, (1.0, 3.0)),
    ],
)
def test_a_trial_has_the_values_of_the_checkpoint_that_its_trainer_keeps(
    kept: dict[str, Any], select: bool, expected: tuple[float, float], logs: bool, trial: PipedTrial, tmp_path: Path
) -> None:
    checkpoints = ModelCheckpoint(dirpath=tmp_path / "checkpoints", **kept)
    module = Graded([0.75, 0.25, 0.5, 1.0])
    fit(tmp_path, module, TrialCallback(resume=False, select=select), checkpoints, logs=logs)
    found = values(TrialFiles(tmp_path).journal)
    assert (found["val_loss"], found["val_other"]) == expected


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_fit_that_continues_selects_nothing_of_its_own_until_it_is_better(trial: PipedTrial, tmp_path: Path) -> None:
    checkpoints = {"dirpath": tmp_path / "checkpoints", "monitor": "val_loss", "save_last": True}
    module = Graded([0.5, 0.25, 0.75, 1.0])
    fit(tmp_path, module, TrialCallback(resume=False, select=True), ModelCheckpoint(**checkpoints), Stopped(2))
    steps = [event["step"] for event in events(TrialFiles(tmp_path).journal, "selected")]
    enter(again := PipedTrial(trial._connection, 0, tmp_path, attempt=2))
    Journal(tmp_path).event("attempt", attempt=2)
    again._began_s += 60
    fit(tmp_path, module, TrialCallback(select=True), ModelCheckpoint(**checkpoints))
    found = values(TrialFiles(tmp_path).journal)
    assert (found["val_loss"], found["val_other"], found["epoch"]) == (0.25, 1.0, 3.0)
    assert [event["step"] for event in events(TrialFiles(tmp_path).journal, "selected")] == steps and len(steps) == 2


class Stopped(Callback):
    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self._epochs


@pytest.mark.parametrize(("losses", "epoch"), [([1.0, math.nan], 2), ([1.0, 1.0, 1.0, math.inf], 4)])
def test_a_loss_that_is_no_number_ends_a_foreign_fit_behind_its_epoch(
    losses: list[float], epoch: int, trial: PipedTrial, tmp_path: Path
) -> None:
    told = f"^the training loss is {losses[-1]} at the end of epoch {epoch}$"
    with pytest.raises(FloatingPointError, match=told):
        fit(tmp_path, Graded([1.0] * 4, losses), TrialCallback(resume=False))
    recorded = [sample for sample in samples(TrialFiles(tmp_path).journal) if sample.name in ("own", "val_loss")]
    assert len(recorded) == 2 * epoch
    (file,) = tmp_path.glob("**/metrics.csv")
    assert len([line for line in file.read_text().splitlines()[1:] if line]) == 2 * epoch, "each logger has the epoch"


def test_an_error_of_floating_point_is_a_failure_of_that_cause() -> None:
    def diverges() -> None:
        raise FloatingPointError("the loss is nan")

    word = report_of(0, diverges)
    assert word == Raised(trial=0, cause="nonfinite", detail="FloatingPointError: the loss is nan")


class Decided(Callback):
    """The decision of a pruner, which arrives as a batch starts."""

    def __init__(self, worker: Connection, epoch: int, batch: int) -> None:
        self._worker, self._when = worker, (epoch, batch)
        self.seen: list[tuple[int, int]] = []

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.seen.append((trainer.current_epoch, batch_idx))
        if self.seen[-1] == self._when:
            self._worker.send_bytes(encode(Prune(trial=0)))


def test_a_decision_is_obeyed_while_the_next_epoch_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.lightning._LOOK_S", 0.0)
    ours, theirs = multiprocessing.Pipe()
    enter(PipedTrial(theirs, 0, tmp_path))
    decided, kept = Decided(ours, epoch=1, batch=1), ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_last=True)
    word = report_of(0, lambda: fit(tmp_path, Graded([0.5, 0.4, 0.3, 0.2]), TrialCallback(), kept, decided))
    enter(Trial())
    assert isinstance(word, GaveUp) and decided.seen[-1] == (1, 1)
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()  # of the epoch that is whole, to go on from
    ours.close()
