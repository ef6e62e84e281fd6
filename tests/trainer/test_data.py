from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainer_pkg.data import DataModule
from trainer_pkg.data.digits import Digits
from trainer_pkg.data.labels import ClassMaps
from trainer_pkg.data.sampler import BatchOrder
from trainer_pkg.data.source import check_columns
from trainer_pkg.data.strokes import StrokeLabels, measure
from trainer_pkg.data.superclasses import MEMBERS, table
from trainer_pkg.data.torchvision import TorchvisionImages
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Categorical, Continuous, DataSpec

DOCUMENTED = {"thickness": [2, 1, 3, 3, 2, 3, 2, 1, 4, 3], "smoothness": [2, 0, 1, 1, 0, 1, 2, 0, 2, 2]}


class Numbered:
    """Labels each row with its number in its split of the source."""

    name = ""
    targets = {"row": Categorical(num_classes=10_000)}  # noqa: RUF012

    def fit(self, images: torch.Tensor) -> None:
        pass

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"row": torch.arange(len(images))}


def digits(tmp_path: Path, **options: object) -> DataModule:
    given = {"num_val": 180, "labels": ClassMaps(DOCUMENTED), **options}
    data = DataModule(source=Digits(), cache_dir=tmp_path, **given)  # type: ignore[arg-type]
    data.setup()
    return data


def column(data: DataModule, name: str, split: str) -> torch.Tensor:
    """A column of all batches of a split."""
    return torch.cat([batch[name] for batch in getattr(data, f"{split}_dataloader")()])


def test_the_spec_is_known_before_a_file_is_read(tmp_path: Path) -> None:
    data = DataModule(source=Digits(), cache_dir=tmp_path / "none", num_val=1, labels=ClassMaps(DOCUMENTED))
    assert {name: target.num_outputs for name, target in data.spec.targets.items()} == {
        "digit": 10,
        "thickness": 5,
        "smoothness": 3,
    }
    assert data.spec.primary == "digit" and not (tmp_path / "none").exists()


def test_further_heads_keep_the_rest_of_the_sources_spec(tmp_path: Path) -> None:
    source = Digits()
    source.spec = replace(source.spec, num_aux=3)
    data = DataModule(source=source, cache_dir=tmp_path, num_val=1, labels=ClassMaps(DOCUMENTED))
    assert data.spec.num_aux == 3 and list(data.spec.targets) == ["digit", "thickness", "smoothness"]


def test_batches_are_dicts_with_one_entry_a_target(tmp_path: Path) -> None:
    batch = next(iter(digits(tmp_path, batch_size=32).train_dataloader()))
    assert batch["image"].shape == (32, 1, 28, 28) and batch["image"].dtype == torch.uint8
    assert set(batch) == {"image", "digit", "thickness", "smoothness"}
    assert batch["thickness"].tolist() == [DOCUMENTED["thickness"][d] for d in batch["digit"]]


def test_validation_rows_come_from_the_training_split_and_are_never_trained_on(tmp_path: Path) -> None:
    data = digits(tmp_path, labels=Numbered())
    train, val, test = (column(data, "row", split).tolist() for split in ("train", "val", "test"))
    assert sorted(train + val) == list(range(1797 - 360)) and len(val) == 180
    assert test == list(range(360))


def test_the_split_does_not_depend_on_the_seed_of_the_run(tmp_path: Path) -> None:
    one, two = (digits(tmp_path, shuffle_seed=seed, labels=Numbered()) for seed in (1, 2))
    assert torch.equal(column(one, "row", "val"), column(two, "row", "val"))
    first, second = (column(data, "row", "train") for data in (one, two))
    assert not torch.equal(first, second) and torch.equal(first.sort().values, second.sort().values)


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
        epochs.append(torch.cat([picked.rows for picked in order]))
    assert len(order) == 13
    assert all(torch.equal(rows.sort().values, torch.arange(100)) for rows in epochs)
    assert not torch.equal(*epochs)


def test_the_order_of_an_epoch_is_there_once_for_all_trials_of_a_process() -> None:
    first, same, other = (next(iter(BatchOrder(100, 8, shuffle_seed=seed))).rows for seed in (5, 5, 6))
    assert first.untyped_storage().data_ptr() == same.untyped_storage().data_ptr()
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_a_resumed_epoch_is_the_rest_of_the_same_epoch() -> None:
    whole = BatchOrder(100, 8, shuffle_seed=3)
    whole.set_epoch(4)
    expected = list(whole)[5:]
    rest = BatchOrder(100, 8, shuffle_seed=3)
    rest.resume_at(4, 5)
    assert all(torch.equal(a.rows, b.rows) and a.seed == b.seed for a, b in zip(rest, expected, strict=True))
    assert len({picked.seed for picked in whole}) == len(whole)


def test_ranks_share_an_epoch() -> None:
    parts = [torch.cat([picked.rows for picked in BatchOrder(100, 8, 0, rank, 3)]) for rank in range(3)]
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(100))


@pytest.mark.parametrize(("num_val", "num_rows"), [(0.1, 144), (180, 180), (1, 1)])
def test_validation_rows_are_a_number_or_a_share(num_val: float, num_rows: int, tmp_path: Path) -> None:
    data = digits(tmp_path, num_val=num_val)
    assert [len(column(data, "digit", split)) for split in ("val", "train")] == [num_rows, 1437 - num_rows]


@pytest.mark.parametrize("num_val", [0, -1, 1.5, 1437, 0.0001])
def test_a_split_without_rows_is_refused(num_val: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"data\.num_val={num_val} "):
        DataModule(source=Digits(), cache_dir=tmp_path, num_val=num_val).setup()


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("digit", torch.full((4,), 10), "holds 10, outside 0 to 9"),
        ("digit", torch.zeros(3, dtype=torch.int64), r"is \(3,\) torch.int64: \(4,\) torch.int64"),
        ("digit", torch.zeros(4), "torch.float32: "),
        ("image", torch.zeros(4, 28, 28, dtype=torch.uint8), r"\(4, 1, 28, 28\) torch.uint8 is expected"),
        ("depth", torch.tensor([0.0, 0.5, 1.0, torch.nan]), "holds nan, outside 0 to 1"),
        ("aux", torch.zeros(4, 3), r"\(4, 2\) torch.float32 is expected"),
    ],
)
def test_a_source_that_breaks_its_promise_is_refused(name: str, column: torch.Tensor, message: str) -> None:
    targets = {"digit": Categorical(num_classes=10), "depth": Continuous(low=0, high=1)}
    spec = DataSpec(input_shape=(1, 28, 28), targets=targets, num_aux=2)
    columns = {
        "image": torch.zeros(4, 1, 28, 28, dtype=torch.uint8),
        "digit": torch.arange(4),
        "depth": torch.zeros(4),
        "aux": torch.zeros(4, 2),
    }
    check_columns(spec, columns, "train")
    with pytest.raises(ConfigError, match=message):
        check_columns(spec, {**columns, name: column}, "train")
    with pytest.raises(ConfigError, match=f"has no column '{name}'"):
        check_columns(spec, {key: value for key, value in columns.items() if key != name}, "train")


@pytest.mark.parametrize("table", [[], [0, -1], [0, 7]])
def test_a_label_table_must_fit_its_classes(table: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"data\.labels\.heads\.h="):
        ClassMaps({"h": table}, {"h": 5})


def test_real_mnist_has_its_official_split(mnist: Path, tmp_path: Path) -> None:
    data = DataModule(source=TorchvisionImages(mnist, "mnist"), cache_dir=tmp_path, num_val=5000)
    data.setup()
    assert [len(column(data, "digit", split)) for split in ("train", "val", "test")] == [55_000, 5_000, 10_000]
    extremes = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    black, white = data.on_after_batch_transfer({"image": extremes}, 0)["image"].flatten().tolist()
    std = 1 / (white - black)
    assert (round(-black * std, 4), round(std, 4)) == (0.1307, 0.3081)


def test_absent_files_without_a_download_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no FashionMNIST/raw"):
        TorchvisionImages(tmp_path / "data", kind="fashion_mnist", download=False).load()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "head"), [("mnist", "digit"), ("fashion_mnist", "garment")])
def test_sets_of_one_format_have_their_own_head(kind: str, head: str, tmp_path: Path) -> None:
    assert TorchvisionImages(tmp_path, kind=kind).spec.primary == head


def test_the_superclasses_are_those_of_the_authors() -> None:
    # From the files themselves: classes 0 to 19 are apple, aquarium_fish, baby, bear, beaver, bed, bee, beetle, ...
    assert table()[:20] == [4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11]
    assert len(MEMBERS) == 20 and {table().count(i) for i in range(20)} == {5}


@pytest.mark.parametrize(("kind", "num_classes"), [("cifar10", 10), ("cifar100", 100), ("cifar100_coarse", 20)])
def test_cifar_is_read_with_its_official_test_split(
    kind: str, num_classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pickle

    import numpy as np
    from torchvision import datasets

    class Format:
        """Writes files as the authors did: rows of 3 x 32 x 32, labels under the set's own key."""

        reader = datasets.CIFAR10 if kind == "cifar10" else datasets.CIFAR100
        key = "labels" if kind == "cifar10" else "fine_labels"

    generator = np.random.default_rng(0)
    folder = tmp_path / Format.reader.base_folder
    folder.mkdir()
    written = {}
    for name, _ in Format.reader.train_list + Format.reader.test_list:
        images = generator.integers(0, 256, (120, 3072), dtype=np.uint8)
        labels = [i % (10 if kind == "cifar10" else 100) for i in range(120)]
        (folder / name).write_bytes(pickle.dumps({"data": images, Format.key: labels}))
        written[name] = images
    names = {"label_names": list("abcdefghij"), "fine_label_names": [str(i) for i in range(100)]}
    (folder / Format.reader.meta["filename"]).write_bytes(pickle.dumps(names))
    # The sums are those of the real files.
    monkeypatch.setattr(Format.reader, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *args: True)
    source = TorchvisionImages(tmp_path, kind, download=False)
    splits = source.load()
    assert source.spec.targets["class"].num_outputs == num_classes
    assert splits["test"]["image"].shape == (120, 3, 32, 32) and splits["test"]["image"].dtype == torch.uint8
    [test_name] = [name for name, _ in Format.reader.test_list]
    assert splits["test"]["image"][7].flatten().tolist() == written[test_name][7].tolist()
    expected = table()[:20] if kind == "cifar100_coarse" else [i % 10 if kind == "cifar10" else i for i in range(20)]
    assert splits["train"]["class"][:20].tolist() == expected


def bar(width: int, jagged: bool = False) -> torch.Tensor:
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[:, 4:24, 10 : 10 + width] = 255
    if jagged:
        image[:, 4:24:2, 10 + width] = 255
    return image


def test_the_thickness_of_a_bar_is_its_width_and_notches_make_it_rough() -> None:
    found = measure(torch.stack([bar(2), bar(4), bar(6), bar(4, jagged=True)]))
    # A bar of width w and length l has the perimeter 2 (w + l).
    for value, width in zip(found["thickness"], (2, 4, 6), strict=False):
        assert abs(float(value) - width * 20 / (width + 20)) < 0.15
    assert found["smoothness"][1] > found["smoothness"][3]


def test_measured_labels_are_bins_of_equal_size_that_the_digit_does_not_decide(tmp_path: Path) -> None:
    data = DataModule(source=Digits(), cache_dir=tmp_path, num_val=180, batch_size=10_000, labels=StrokeLabels())
    data.setup()
    batch = next(iter(data.train_dataloader()))
    for head, num_bins in (("thickness", 5), ("smoothness", 3)):
        shares = torch.bincount(batch[head], minlength=num_bins) / len(batch[head])
        assert len(shares) == num_bins and float((shares - 1 / num_bins).abs().max()) < 0.02
        assert all(len(batch[head][batch["digit"] == digit].unique()) > 1 for digit in range(10))
    again = DataModule(source=Digits(), cache_dir=tmp_path, num_val=180, batch_size=10_000, labels=StrokeLabels())
    files = sorted(path.name for path in tmp_path.iterdir())
    again.setup()
    kept = next(iter(again.train_dataloader()))
    assert torch.equal(kept["smoothness"], batch["smoothness"])
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert files == ["digits-28x28-strokes-5-3-1257-42.2.pt", "digits-28x28.2.pt"]
