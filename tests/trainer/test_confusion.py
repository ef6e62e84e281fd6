"""What a test leaves in `confusion.json`."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sweeps.trial import journal
from tests.trainer.runs import train
from trainer_pkg.confusion import Confusion
from trainer_pkg.spec import Categorical, Continuous, Ordinal, Target


def tables(folder: Path) -> dict[str, Any]:
    return {table["name"]: table for table in json.loads((folder / "confusion.json").read_text())["tables"]}


def test_the_diagonal_is_the_accuracy_of_the_test_and_an_untrained_head_has_no_table(tmp_path: Path) -> None:
    train(tmp_path, tmp_path / "data", "model=dense", "model.size=tiny", "model.loss_weights.smoothness=0")
    metrics = {sample.name: sample.value for sample in journal.samples(tmp_path / "journal.jsonl")}
    found = tables(tmp_path)
    assert set(found) == {"digit", "thickness"}
    for table in found.values():
        counts = torch.tensor(table["counts"])
        assert counts.shape == (len(table["classes"]),) * 2 and table["classes"][:2] == ["0", "1"]
        assert (counts.trace() / counts.sum()).item() == pytest.approx(metrics[table["metric"]], abs=1e-6)
    digits = torch.tensor(found["digit"]["counts"])
    assert digits.sum() == torch.tensor(found["thickness"]["counts"]).sum() > 300
    assert digits.sum(dim=1).min() > 20  # a row is a true class, of which the split has enough


def counted(folder: Path, targets: dict[str, Target], outputs: Any, batch: dict[str, torch.Tensor]) -> None:
    trainer: Any = SimpleNamespace(is_global_zero=True, fast_dev_run=False, loggers=[])
    confusion, module = Confusion(targets, folder), torch.nn.Module()
    for _ in range(2):  # a second test begins anew
        confusion.on_test_start(trainer, module)  # type: ignore[arg-type]
        confusion.on_test_batch_end(trainer, module, outputs, batch, 0)  # type: ignore[arg-type]
        confusion.on_test_end(trainer, module)  # type: ignore[arg-type]


def test_a_number_between_two_classes_counts_for_the_nearest_and_a_number_has_no_table(tmp_path: Path) -> None:
    targets: dict[str, Target] = {"year": Ordinal(num_classes=3), "age": Continuous(low=0, high=9)}
    outputs = {"year": torch.tensor([0.4, 1.6, 2.9, -0.7]), "age": torch.zeros(4)}
    counted(tmp_path, targets, outputs, {"year": torch.tensor([0, 1, 2, 2]), "age": torch.ones(4)})
    (table,) = tables(tmp_path).values()
    assert table["metric"] == "test/year_acc" and table["counts"] == [[1, 0, 0], [0, 0, 1], [1, 0, 1]]


def test_one_head_has_the_metric_without_its_name_and_a_thousand_classes_no_table(tmp_path: Path) -> None:
    batch = {"digit": torch.tensor([1, 0])}
    counted(tmp_path, {"digit": Categorical(num_classes=2)}, {"digit": torch.tensor([1, 1])}, batch)
    assert tables(tmp_path)["digit"]["metric"] == "test/acc" and tables(tmp_path)["digit"]["counts"] == [[0, 1], [0, 1]]
    other = tmp_path / "other"
    counted(other, {"digit": Categorical(num_classes=1000)}, {"digit": torch.tensor([1, 1])}, batch)
    counted(other, {"digit": Categorical(num_classes=2)}, None, batch)  # a module that gives nothing
    assert not other.exists()
