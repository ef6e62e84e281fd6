"""Whose epoch a metric is of that a Lightning fit reports."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric

from sweeps.lightning import TrialCallback
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import Trial, enter
from sweeps.trial.journal import samples, values
from sweeps.worker.piped import PipedTrial
from tests.quiet import QUIET


class Counting(LightningModule):
    """Every metric is the number of the epoch in which it was measured, from 1 on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.mean = nn.Linear(1, 1), MeanMetric()

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        number = self.current_epoch + 1.0
        self.mean.update(number)
        self.log("epoch_mean", number, on_step=False, on_epoch=True)
        self.log("both", number, on_step=True, on_epoch=True)
        self.log("step", number)
        self.log("torchmetric", self.mean, on_step=False, on_epoch=True)
        loss: Tensor = self.layer(batch).square().mean()
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val", self.current_epoch + 1.0)

    def on_train_epoch_end(self) -> None:
        self.log("of_hook", self.current_epoch + 1.0)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.0)


OF_TRAINING = {"epoch_mean", "both", "both_step", "both_epoch", "step", "torchmetric", "of_hook"}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    _, theirs = multiprocessing.Pipe()
    enter(PipedTrial(theirs, 0, tmp_path))
    yield tmp_path
    enter(Trial())


def fit(directory: Path, **options: Any) -> Trainer:
    kept = ModelCheckpoint(directory / "kept", monitor="val") if options.pop("keeps", False) else None
    trainer = Trainer(
        max_epochs=3,
        logger=False,
        callbacks=[TrialCallback(), *([kept] if kept else [])],
        **{**QUIET, "enable_checkpointing": kept is not None, **options},
    )
    rows = DataLoader(torch.ones(4, 1), batch_size=2)
    trainer.fit(Counting(), rows, rows)
    return trainer


def reported(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Metric to the steps and values that were reported."""
    found: dict[str, list[tuple[int, float]]] = {}
    for sample in samples(TrialFiles(directory).journal):
        found.setdefault(sample.name, []).append((sample.step, sample.value))
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"keeps": True}, {"limit_val_batches": 0}, {"check_val_every_n_epoch": 2}, {"num_sanity_val_steps": 0}],
)
def test_a_metric_has_the_number_of_the_epoch_that_it_was_measured_in(directory: Path, options: dict[str, Any]) -> None:
    fit(directory, **options)
    found = reported(directory)
    validated = {"limit_val_batches": [], "check_val_every_n_epoch": [2]}.get(next(iter(options), ""), [1, 2, 3])
    assert found.pop("val", []) == [(epoch, float(epoch)) for epoch in validated]
    assert set(found) == {*OF_TRAINING, "epoch"}
    for name, steps in found.items():
        assert steps == [(1, 1.0), (2, 2.0), (3, 3.0)], name
    assert {name: values(TrialFiles(directory).journal)[name] for name in found} == dict.fromkeys(found, 3.0)


def test_validations_within_an_epoch_are_counted_each(directory: Path) -> None:
    fit(directory, val_check_interval=0.5)
    found = reported(directory)
    assert found["val"] == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 3.0), (6, 3.0)]
    assert found["epoch"] == found["val"]
    for name in OF_TRAINING:
        assert found[name] == [(2, 1.0), (4, 2.0), (6, 3.0)], name


def test_validations_that_are_counted_over_all_batches_are_told_apart(directory: Path) -> None:
    fit(directory, val_check_interval=3, check_val_every_n_epoch=None)  # of six batches
    found = reported(directory)
    assert found["val"] == [(1, 2.0), (2, 3.0)]
    assert found["epoch_mean"][-1] == (2, 3.0)


def test_a_validation_behind_the_fit_is_no_further_epoch(directory: Path) -> None:
    trainer = fit(directory)
    trainer.validate(trainer.lightning_module, DataLoader(torch.ones(4, 1)), verbose=False)
    found = reported(directory)
    assert found["val"] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]  # the module counts on
    assert values(TrialFiles(directory).journal)["epoch"] == 3 and found["epoch"][-1] == (3, 3.0)


def test_a_second_fit_counts_on_and_its_values_are_the_last(directory: Path) -> None:
    fit(directory)
    second = fit(directory)
    rows = DataLoader(torch.ones(4, 1), batch_size=2)
    second.fit_loop.max_epochs = 4  # one more epoch of the same fit
    second.fit(second.lightning_module, rows, rows)
    found = reported(directory)
    assert found["val"] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 1.0), (5, 2.0), (6, 3.0), (7, 4.0)]
    assert found["epoch_mean"] == found["torchmetric"] == found["step"] == found["val"]
    assert found["epoch"] == [(epoch, float(epoch)) for epoch in range(1, 8)]
    assert values(TrialFiles(directory).journal)["val"] == 4.0
