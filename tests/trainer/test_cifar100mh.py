import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.multihead import SPEC, directory, retell, rewrite, same, splits
from trainer_pkg.data import cifar100mh
from trainer_pkg.data.files import MultiheadFiles
from trainer_pkg.data.pickles import read_pickle
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import DataSpec, Ordinal


def test_a_directory_comes_back_as_it_was_written(tmp_path: Path) -> None:
    files = MultiheadFiles(directory(tmp_path / "d"))
    assert files.spec == SPEC and list(files.spec.targets) == list(SPEC.targets)
    assert same(files.load(), splits())


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    batch = pickle.loads((directory(tmp_path / "d") / "train_batch").read_bytes())
    made = splits()["train"]
    assert batch["data"].shape == (30, 60)
    assert batch["data"][3].reshape(4, 5, 3).tolist() == made["image"][3].permute(1, 2, 0).tolist()
    velocity, note = (int(made[head][3]) for head in SPEC.targets)
    assert list(batch["cifar100mh_labels"][3]) == [2, 0, velocity, 1, note + 50]


@pytest.mark.parametrize("label_key", cifar100mh.LABEL_KEYS)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_lists_older_protocols_and_every_label_key_are_read(tmp_path: Path, label_key: str, protocol: int) -> None:
    folder = directory(tmp_path / "d")
    for split in ("train", "test"):
        path = folder / f"{split}_batch"
        batch = read_pickle(path)
        records = [list(record) for record in batch["cifar100mh_labels"]]
        images = list(batch["data"]) if protocol == 2 else batch["data"].astype(np.int64).tolist()
        path.write_bytes(pickle.dumps({"data": images, label_key: records}, protocol=protocol))
    assert same(MultiheadFiles(folder).load(), splits())


def test_heads_follow_the_metadata_whatever_the_order_in_the_records(tmp_path: Path) -> None:
    folder = directory(tmp_path / "d")

    def swap(batch: dict[str, Any]) -> None:
        batch["cifar100mh_labels"] = [
            bytes([2, row[3], row[4], row[1], row[2]]) if i % 2 else row
            for i, row in enumerate(batch["cifar100mh_labels"])
        ]

    rewrite(folder, swap)
    files = MultiheadFiles(folder)
    assert list(files.spec.targets) == list(SPEC.targets) and same(files.load(), splits())


def test_without_metadata_heads_are_numbered_and_as_wide_as_their_values(tmp_path: Path) -> None:
    spec = DataSpec(input_shape=(3, 32, 32), targets={"a": Ordinal(num_classes=4), "b": Ordinal(num_classes=3)})
    cifar100mh.write(tmp_path / "d", spec, splits(spec))
    (tmp_path / "d" / cifar100mh.INFO).unlink()
    found = MultiheadFiles(tmp_path / "d").spec
    assert found.targets == {"param_0": Ordinal(num_classes=4), "param_1": Ordinal(num_classes=3)}


def change_record(record: Any) -> Any:
    def change(batch: dict[str, Any]) -> None:
        batch["cifar100mh_labels"][7] = record

    return change


BROKEN: list[tuple[Any, str]] = [
    (lambda batch: {"cifar100mh_labels": batch["cifar100mh_labels"]}, "must contain the key 'data'"),
    (lambda batch: {"data": batch["data"]}, "must contain a labels key"),
    (lambda batch: [1, 2], "must contain the key 'data'"),
    (lambda batch: {"data": 5, "labels": [1]}, "must be lists or arrays"),
    (lambda batch: {"data": [], "labels": []}, "has no samples"),
    (lambda batch: {"data": batch["data"][:5], "labels": batch["cifar100mh_labels"]}, "5 images and 30 labels"),
    (lambda batch: {"data": batch["data"][:, :59], **only_labels(batch)}, "expected 60 = 4 x 5 x 3, found 59"),
    (
        lambda batch: {"data": [*batch["data"][:29], [1, 2]], **only_labels(batch)},
        "sample 29 has an inconsistent image",
    ),
    (lambda batch: {"data": batch["data"] + 0.5, **only_labels(batch)}, "whole numbers from 0 to 255"),
    (lambda batch: {"data": batch["data"].astype(int) * 2, **only_labels(batch)}, "whole numbers from 0 to 255"),
    (change_record(b""), "sample 7 is too short"),
    (change_record(bytes([0])), "sample 7 has no parameter"),
    (change_record(bytes([2, 0, 1])), "insufficient for 2 heads"),
    (change_record(bytes([2, 0, 1, 1, 60, 9])), "has 1 bytes too many"),
    (change_record(bytes([2, 0, 1, 0, 60])), "names a parameter twice"),
    (change_record(bytes([1, 0, 1])), r"sample 7 has parameters \[0\], sample 0 has \[0, 1\]"),
    (change_record(bytes([2, 0, 1, 99, 60])), r"sample 7 has parameters \[0, 99\]"),
    (change_record([2, 0, 1, 1, 300]), "sample 7 is not made of bytes"),
    (change_record(bytes([2, 0, 1, 1, 49])), "sample 7 has note_number 49, outside 50 to 82"),
    (change_record(bytes([2, 0, 1, 1, 83])), "sample 7 has note_number 83, outside 50 to 82"),
]


def only_labels(batch: dict[str, Any]) -> dict[str, Any]:
    return {"labels": batch["cifar100mh_labels"]}


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_batch_that_breaks_the_format_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    folder = directory(tmp_path / "d")
    rewrite(folder, change)
    with pytest.raises(ConfigError, match=message):
        MultiheadFiles(folder).load()


def test_a_parameter_without_a_name_is_refused(tmp_path: Path) -> None:
    folder = directory(tmp_path / "d")
    for split in ("train", "test"):
        rewrite(folder, lambda batch: relabel(batch, {1: 99}), split)
    with pytest.raises(ConfigError, match=r"Parameter id 99 has no name: .*note_velocity, note_number"):
        MultiheadFiles(folder).load()


def relabel(batch: dict[str, Any], ids: dict[int, int]) -> None:
    batch["cifar100mh_labels"] = [
        bytes([row[0], *(ids.get(part, part) if i % 2 == 0 else part for i, part in enumerate(row[1:]))])
        for row in batch["cifar100mh_labels"]
    ]


MAPPING = {"note_velocity": {"min": 0, "max": 127}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "absent"}, "missing required field in format config: format"),
        ({"format": "CIFAR-100-HM"}, "format CIFAR-100-HM is unknown. Known: CIFAR-100-MH"),
        ({"label_encoding": {"x": 1}}, "missing required field in format config: label_encoding.format"),
        ({"train_samples": 31}, "has 30 samples, but .* tells of 31"),
        ({"image_size": "32x32"}, "image_size 32x32 must be HEIGHTxWIDTHxCHANNELS"),
        ({"image_size": "4x5x1"}, "expected 20 = 4 x 5 x 1, found 60"),
        ({"parameter_names": ["a", "a"]}, "must be a list of different names"),
        ({"parameter_mappings": [1]}, "must be a table of tables"),
        ({"parameter_mappings": {**MAPPING, "note_number": {"min": 60, "max": 50}}}, "min 60 and max 50"),
        ({"parameter_mappings": {**MAPPING, "note_number": {"min": 0, "max": 256}}}, "min 0 and max 256"),
        ({"parameter_mappings": {**MAPPING, "note_number": {"min": 0}}}, "min 0 and max None"),
    ],
)
def test_metadata_that_cannot_be_is_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    folder = directory(tmp_path / "d")
    retell(folder, **fields)
    with pytest.raises(ConfigError, match=message):
        files = MultiheadFiles(folder)
        assert files.spec and files.load()


def test_broken_metadata_is_not_passed_over(tmp_path: Path) -> None:
    folder = directory(tmp_path / "d")
    (folder / "metadata.json").write_text((folder / cifar100mh.INFO).read_text())
    (folder / cifar100mh.INFO).write_text("{")
    with pytest.raises(ConfigError, match="failed to load metadata"):
        MultiheadFiles(folder)
