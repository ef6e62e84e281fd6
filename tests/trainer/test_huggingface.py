from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.runs import command_in_fork
from trainer_pkg.data.huggingface import HuggingFace
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Categorical, Continuous, Ordinal

datasets = pytest.importorskip("datasets")

FEATURES = {
    "image": datasets.Image(),
    "label": datasets.ClassLabel(names=["cat", "dog", "emu"]),
    "year": datasets.Value("int64"),
    "weight": datasets.Value("float32"),
    "lens": datasets.Value("float32"),
    "note": datasets.Value("string"),
}


def table(num_rows: int = 24, side: int = 8) -> Any:
    generator = np.random.default_rng(0)
    columns = {
        "image": [generator.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(num_rows)],
        "label": [i % 2 for i in range(num_rows)],  # nobody is an emu
        "year": [1990 + i % 5 for i in range(num_rows)],
        "weight": [i / 10 for i in range(num_rows)],
        "lens": [float(i) for i in range(num_rows)],
        "note": ["x"] * num_rows,
    }
    return datasets.Dataset.from_dict(columns, features=datasets.Features(FEATURES))


@pytest.fixture(params=["disk", "parquet"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    both = datasets.DatasetDict({"train": table(), "test": table(10)})
    path = tmp_path / "set"
    if request.param == "disk":
        both.save_to_disk(str(path))
    else:
        path.mkdir()
        for split, rows in both.items():
            rows.to_parquet(str(path / f"{split}-00000-of-00001.parquet"))
    return path


def test_named_classes_are_the_targets_and_pixels_are_exact(folder: Path, tmp_path: Path) -> None:
    source = HuggingFace(str(folder), tmp_path / "cache")
    assert source.spec.input_shape == (3, 8, 8) and source.spec.targets == {"label": Categorical(num_classes=3)}
    splits = source.load()
    assert [len(splits[split]["image"]) for split in ("train", "test")] == [24, 10]
    expected = np.asarray(table()[5]["image"]).transpose(2, 0, 1)
    assert splits["train"]["image"][5].tolist() == expected.tolist()
    assert splits["train"]["label"].tolist() == [0, 1] * 12


def test_any_column_of_numbers_may_be_a_target_or_a_scalar(folder: Path, tmp_path: Path) -> None:
    targets = {"year": "ordinal", "weight": "continuous", "label": "categorical"}
    source = HuggingFace(str(folder), tmp_path / "cache", targets=targets, aux=["lens", "weight"])
    assert list(source.spec.targets) == list(targets) and source.spec.num_aux == 2
    assert source.spec.targets["year"] == Ordinal(num_classes=5, low=1990.0)
    weight = source.spec.targets["weight"]
    assert isinstance(weight, Continuous) and (weight.low, round(weight.high, 4)) == (0.0, 2.3)
    train = source.load()["train"]
    assert train["year"].tolist()[:6] == [0, 1, 2, 3, 4, 0] and train["aux"].dtype == torch.float32
    assert train["aux"][3].tolist() == pytest.approx([3.0, 0.3])


def test_a_second_look_reads_the_tensors_and_a_change_does_not(folder: Path, tmp_path: Path) -> None:
    first = HuggingFace(str(folder), tmp_path / "cache")
    [file] = (tmp_path / "cache").glob("hf-*")
    before = file.stat().st_mtime_ns
    assert HuggingFace(str(folder), tmp_path / "cache").name == first.name and file.stat().st_mtime_ns == before
    (folder / "README.md").write_text("new")
    assert HuggingFace(str(folder), tmp_path / "cache").name != first.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "picture"}, "there is no column 'picture'"),
        ({"targets": {"labl": "categorical"}}, "no column 'labl'.*label"),
        ({"targets": {"label": "classes"}}, r"targets\.label=classes is unknown"),
        ({"targets": {"weight": "ordinal"}}, r"targets\.weight=ordinal, but the column holds 0 to 2\.3"),
        ({"targets": {"note": "categorical"}}, "'note' does not hold one number per row"),
        ({"test_split": "validation"}, "no split 'validation'. Splits: train, test"),
    ],
)
def test_what_is_not_there_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "set"
    datasets.DatasetDict({"train": table(), "test": table(10)}).save_to_disk(str(path))
    with pytest.raises(ConfigError, match=message):
        HuggingFace(str(path), tmp_path / "cache", **options)
    assert not (tmp_path / "cache").exists()


def test_images_of_different_sizes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set"
    datasets.DatasetDict(
        {"train": datasets.concatenate_datasets([table(), table(1, side=9)]), "test": table()}
    ).save_to_disk(str(path))
    with pytest.raises(ConfigError, match=r"image 24 is \(3, 9, 9\), image 0 is \(3, 8, 8\)"):
        HuggingFace(str(path), tmp_path / "cache")


def test_a_trial_trains_on_it_with_scalars_and_several_loggers(tmp_path: Path) -> None:
    path = tmp_path / "set"
    datasets.DatasetDict({"train": table(), "test": table(10)}).save_to_disk(str(path))
    line = (
        *("data=hf", "data.source.path=set", "data.source.targets={weight: continuous, year: ordinal}"),
        *("data.source.aux=[lens]", "model=cnn", "model.size=tiny", "trainer.max_epochs=2", "data.batch_size=8"),
        *("study.objective=val/weight_mae", "study.direction=minimize", "logger=[csv,tensorboard,wandb]"),
        "logger.wandb.offline=true",
    )
    done = command_in_fork(tmp_path, *line)
    assert done.returncode == 0, done.stderr
    assert "test/weight_mae" in done.stdout + done.stderr
    names = {path.name for path in tmp_path.glob("logs/**/*")}
    assert "metrics.csv" in names and any(name.startswith("events.out.tfevents") for name in names)
    assert "wandb" in names
    wrong = command_in_fork(tmp_path, *line, "study.direction=maximize")
    assert (
        wrong.returncode == 2
        and "does not agree with study.objective=val/weight_mae: set study.direction=minimize" in wrong.stderr
    )
