import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from tests.fakes.multihead import directory, rewrite, same, splits
from tests.trainer.runs import command_in_fork
from trainer_pkg.data import DataModule, cifar100mh, tensors
from trainer_pkg.data.files import MultiheadFiles
from trainer_pkg.data.pickles import read_pickle
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal
from trainer_pkg.tools.convert import convert


class Runs:
    def __reduce__(self) -> Any:
        return (print, ("this ran",))


@pytest.mark.parametrize("held", [Runs(), {"data": [Runs()]}, np.array([Runs()], dtype=object), Path("x")])
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, held: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil"
    path.write_bytes(pickle.dumps(held))
    with pytest.raises(ConfigError, match=r"only arrays and plain containers are read|arrays of numbers are"):
        read_pickle(path)
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"data": list(range(99))})[:-20]])
def test_a_broken_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(ConfigError, match="is no pickle"):
        read_pickle(tmp_path / "broken")


def pickled(path: Path, shape: tuple[int, ...], num_rows: int = 12) -> Path:
    images = np.zeros((num_rows, int(np.prod(shape))), dtype=np.uint8)
    path.write_bytes(pickle.dumps({"data": images, "labels": [[1, 0, i % 3] for i in range(num_rows)]}))
    return path


@pytest.mark.parametrize(("length", "shape"), [(784, (1, 28, 28)), (3072, (3, 32, 32))])
def test_single_pickles_are_known_by_the_length_of_their_images(
    tmp_path: Path, length: int, shape: tuple[int, int, int]
) -> None:
    train, test = (pickled(tmp_path / name, (length,)) for name in ("train.pkl", "test.pkl"))
    files = MultiheadFiles(train, test)
    assert files.spec == DataSpec(input_shape=shape, targets={"param_0": Ordinal(num_classes=3)})
    assert files.load()["test"]["image"].shape == (12, *shape)


@pytest.mark.parametrize("case", ["nothing", "empty", "only train", "unknown length", "one file", "broken tensors"])
def test_what_is_unknown_is_refused_instead_of_guessed(tmp_path: Path, case: str) -> None:
    path, message = tmp_path / "d", "dataset path not found"
    if case == "empty":
        path.mkdir()
        message = "has no train_batch and no test_batch"
    elif case == "only train":
        (directory(path) / "test_batch").unlink()
        message = "has no test_batch"
    elif case == "unknown length":
        pickled(path, (100,))
        message = r"images of 100 values are of unknown shape; 784 \(28x28x1\) or 3072"
    elif case == "one file":
        pickled(path, (784,))
        message = "without a test split"
    elif case == "broken tensors":
        path = tmp_path / "d.pt"
        path.write_bytes(b"junk")
        message = "is no file of tensors"
    with pytest.raises(ConfigError, match=message):
        MultiheadFiles(path)


def test_tensors_hold_every_kind_of_target_and_scalars(tmp_path: Path) -> None:
    targets = {"class": Categorical(num_classes=3), "grade": Ordinal(num_classes=4, low=2.0, step=0.5)}
    spec = DataSpec(input_shape=(1, 8, 8), targets={**targets, "depth": Continuous(low=-1, high=1)}, num_aux=2)
    columns = {
        split: {**split_columns, "depth": torch.rand(30), "aux": torch.rand(30, 2)}
        for split, split_columns in splits(DataSpec(input_shape=(1, 8, 8), targets=dict(targets))).items()
    }
    tensors.write(tmp_path / "d.pt", spec, columns)
    files = MultiheadFiles(tmp_path / "d.pt")
    assert files.spec == spec and same(files.load(), columns)
    with pytest.raises(ConfigError, match="holds 9, outside 0 to 2"):
        bad = {**columns["train"], "class": torch.full((30,), 9)}
        tensors.write(tmp_path / "e.pt", spec, {**columns, "train": bad})
    with pytest.raises(ConfigError, match="does not fit CIFAR-100-MH"):
        cifar100mh.write(tmp_path / "f", spec, columns)


def test_the_cache_follows_a_change_of_the_files(tmp_path: Path) -> None:
    folder = directory(tmp_path / "d")
    before = MultiheadFiles(folder).name
    rewrite(folder, lambda batch: {**batch, "cifar100mh_labels": [bytes([2, 0, 1, 1, 60])] * 30})
    assert MultiheadFiles(folder).name != before


def test_validation_rows_come_from_the_training_split(tmp_path: Path) -> None:
    data = DataModule(source=MultiheadFiles(directory(tmp_path / "d")), cache_dir=tmp_path, num_val=0.2)
    data.setup()
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    assert [sum(len(batch["image"]) for batch in loader) for loader in loaders] == [24, 6, 30]


def test_a_data_set_is_converted_there_and_back(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(convert)
    paths = [str(directory(tmp_path / "d")), str(tmp_path / "d.pt"), str(tmp_path / "again")]
    for source, target in itertools.pairwise(paths):
        done = CliRunner().invoke(app, [source, target])
        assert done.exit_code == 0 and "30 train, 30 test" in done.stdout, done.output
    assert same(MultiheadFiles(paths[-1]).load(), splits())
    refused = CliRunner().invoke(app, [paths[1], paths[2]])
    assert (refused.exit_code, refused.stderr) == (2, f"Error: {paths[2]} exists.\n")


def test_a_trial_trains_on_converted_files_with_losses_of_ordered_targets(tmp_path: Path) -> None:
    files = MultiheadFiles(directory(tmp_path / "d"))
    tensors.write(tmp_path / "d.pt", files.spec, files.load())
    line = ("data=multihead_files", "data.source.path=d.pt", "model=cnn", "model.size=tiny", "trainer.max_epochs=1")
    regression = (
        "model.loss_weights.note_number=0.25",
        "+model.criteria.note_velocity._target_=trainer_pkg.losses.ordered.OrdinalRegression",
        "+model.criteria.note_number._target_=trainer_pkg.losses.ordered.Regression",
    )
    done = command_in_fork(tmp_path, *line, *regression)
    assert done.returncode == 0, done.stderr
    assert "test/note_velocity_mae" in done.stderr + done.stdout
