from pathlib import Path

import pytest
import torch

from trainer_pkg.data import DataModule
from trainer_pkg.data.digits import Digits
from trainer_pkg.data.labels import ClassMaps
from trainer_pkg.data.mnist import MNIST
from trainer_pkg.data.sampler import BatchOrder
from trainer_pkg.errors import ConfigError

DOCUMENTED = {"thickness": [2, 1, 3, 3, 2, 3, 2, 1, 4, 3], "smoothness": [2, 0, 1, 1, 0, 1, 2, 0, 2, 2]}


def digits(tmp_path: Path, **options: object) -> DataModule:
    data = DataModule(source=Digits(), cache_dir=tmp_path, num_val=180, labels=ClassMaps(DOCUMENTED), **options)  # type: ignore[arg-type]
    data.setup()
    return data


def test_the_spec_is_known_before_a_file_is_read(tmp_path: Path) -> None:
    data = DataModule(source=Digits(), cache_dir=tmp_path / "none", num_val=1, labels=ClassMaps(DOCUMENTED))
    assert {name: target.num_outputs for name, target in data.spec.targets.items()} == {
        "digit": 10,
        "thickness": 5,
        "smoothness": 3,
    }
    assert data.spec.primary == "digit" and not (tmp_path / "none").exists()


def test_batches_are_dicts_with_one_entry_a_target(tmp_path: Path) -> None:
    batch = next(iter(digits(tmp_path, batch_size=32).train_dataloader()))
    assert batch["image"].shape == (32, 1, 28, 28) and batch["image"].dtype == torch.uint8
    assert set(batch) == {"image", "digit", "thickness", "smoothness"}
    assert batch["thickness"].tolist() == [DOCUMENTED["thickness"][d] for d in batch["digit"]]


def test_validation_rows_come_from_the_training_split_and_are_never_trained_on(tmp_path: Path) -> None:
    data = digits(tmp_path, batch_size=10_000)
    rows = {split: data._splits[split]._rows for split in ("train", "val", "test")}
    assert len(rows["train"]) + len(rows["val"]) == 1797 - 360 and len(rows["test"]) == 360
    assert not set(rows["train"].tolist()) & set(rows["val"].tolist())


def test_the_split_does_not_depend_on_the_seed_of_the_run(tmp_path: Path) -> None:
    one, two = digits(tmp_path, shuffle_seed=1), digits(tmp_path, shuffle_seed=2)
    assert torch.equal(one._splits["val"]._rows, two._splits["val"]._rows)
    first, second = (next(iter(data.train_dataloader()))["digit"] for data in (one, two))
    assert not torch.equal(first, second)


def test_images_are_normalised_on_the_device(tmp_path: Path) -> None:
    data = digits(tmp_path, batch_size=10_000)
    images = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)["image"]
    assert images.dtype == torch.float32
    assert abs(float(images.mean())) < 0.02 and abs(float(images.std()) - 1) < 0.02


def test_the_cache_is_written_once_and_mapped(tmp_path: Path) -> None:
    digits(tmp_path)
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    digits(tmp_path)
    assert file.stat().st_mtime_ns == before


def test_every_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    order = BatchOrder(100, 8, shuffle_seed=0)
    epochs = []
    for epoch in range(2):
        order.set_epoch(epoch)
        epochs.append(torch.cat(list(order)))
    assert len(order) == 13
    assert all(torch.equal(rows.sort().values, torch.arange(100)) for rows in epochs)
    assert not torch.equal(*epochs)


def test_a_resumed_epoch_is_the_rest_of_the_same_epoch() -> None:
    whole = BatchOrder(100, 8, shuffle_seed=3)
    whole.set_epoch(4)
    expected = list(whole)[5:]
    rest = BatchOrder(100, 8, shuffle_seed=3)
    rest.resume_at(4, 5)
    assert all(torch.equal(a, b) for a, b in zip(rest, expected, strict=True))


def test_ranks_share_an_epoch() -> None:
    parts = [torch.cat(list(BatchOrder(100, 8, 0, rank, 3))) for rank in range(3)]
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(100))


@pytest.mark.parametrize("table", [[], [0, -1], [0, 7]])
def test_a_label_table_must_fit_its_classes(table: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"data\.labels\.heads\.h="):
        ClassMaps({"h": table}, {"h": 5})


def test_real_mnist_has_its_official_split(mnist: Path, tmp_path: Path) -> None:
    data = DataModule(source=MNIST(mnist), cache_dir=tmp_path, num_val=5000)
    data.setup()
    assert [len(data._splits[split]) for split in ("train", "val", "test")] == [55_000, 5_000, 10_000]
    mean, std = (float(value) / 255 for value in data._scale)
    assert (round(mean, 4), round(std, 4)) == (0.1307, 0.3081)


def test_absent_files_without_a_download_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no FashionMNIST/raw"):
        MNIST(tmp_path / "data", kind="fashion_mnist", download=False).load()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "head"), [("mnist", "digit"), ("fashion_mnist", "garment")])
def test_sets_of_one_format_have_their_own_head(kind: str, head: str, tmp_path: Path) -> None:
    assert MNIST(tmp_path, kind=kind).spec.primary == head
