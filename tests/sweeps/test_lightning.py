"""The logger records whatever a module of somebody else's hands it, and never ends a training."""

import argparse
import enum
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sweeps.lightning import JournalLogger
from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal, events, samples
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
