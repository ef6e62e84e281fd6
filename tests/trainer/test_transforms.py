from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.transforms import v2

from tests.trainer.runs import command_in_fork
from trainer_pkg.data import DataModule
from trainer_pkg.data.digits import Digits
from trainer_pkg.data.transforms import Compose, Rename, Wrap
from trainer_pkg.errors import ConfigError

CROP = (
    "+data.train_transform._target_=trainer_pkg.data.transforms.Compose",
    "+data.train_transform.crop={_target_: trainer_pkg.data.transforms.Wrap,"
    " transform: {_target_: torchvision.transforms.v2.RandomCrop, size: 28, padding: 2}}",
)


def batch() -> dict[str, torch.Tensor]:
    image = torch.arange(4 * 16, dtype=torch.uint8).view(4, 1, 4, 4)
    return {"image": image, "digit": torch.arange(4), "scale": torch.tensor([1, 2, 3, 4])}


def digits(tmp_path: Path, **options: Any) -> DataModule:
    data = DataModule(source=Digits(), cache_dir=tmp_path, num_val=180, batch_size=32, **options)
    data.setup()
    return data


def pass_over(data: DataModule) -> torch.Tensor:
    return torch.cat([found["image"] for found in data.train_dataloader()])


def test_steps_run_in_order_and_null_steps_not_at_all() -> None:
    steps = Compose(
        twice=Wrap(lambda image: image * 2, each=False), off=None, more=Wrap(lambda image: image + 1, each=False)
    )
    assert torch.equal(steps(batch())["image"], batch()["image"] * 2 + 1)


@pytest.mark.parametrize("each", [True, False])
def test_any_callable_reads_and_writes_named_entries(each: bool) -> None:
    step = Wrap(lambda a, b: a * 10 + b, inputs={"a": "digit", "b": "scale"}, output="both", each=each)
    found = step(batch())
    assert found["both"].tolist() == [1, 12, 23, 34] and set(found) == {"image", "digit", "scale", "both"}
    table = Wrap(lambda x: {"p": x + 1, "q": x + 2}, inputs="digit", output=None, each=each)(batch())
    assert table["p"].tolist() == [1, 2, 3, 4] and table["q"].tolist() == [2, 3, 4, 5]


def test_a_rename_keeps_the_rest() -> None:
    found = Rename({"digit": "label"})(batch())
    assert set(found) == {"image", "scale", "label"} and found["label"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("step", [Rename({"digits": "label"}), Wrap(lambda x: x, inputs="digits")])
def test_an_entry_that_is_not_there_is_named_with_the_nearest(step: Any) -> None:
    with pytest.raises(ConfigError, match=r"'digits'.*digit"):
        step(batch())


def test_a_random_transform_moves_each_image_for_itself() -> None:
    image = torch.arange(64, dtype=torch.uint8).view(1, 8, 8).repeat(64, 1, 1, 1)
    found = Wrap(v2.RandomCrop(8, padding=2))({"image": image})["image"]
    assert len({tuple(one.flatten().tolist()) for one in found}) > 10


def test_only_training_rows_are_augmented(tmp_path: Path) -> None:
    plain, moved = digits(tmp_path), digits(tmp_path, train_transform=Wrap(v2.RandomCrop(28, padding=2)))
    for loader in ("val_dataloader", "test_dataloader"):
        for one, other in zip(getattr(plain, loader)(), getattr(moved, loader)(), strict=True):
            assert torch.equal(one["image"], other["image"])
    assert not torch.equal(pass_over(plain), pass_over(moved))


def test_what_is_drawn_depends_on_neither_loader_processes_nor_other_draws(tmp_path: Path) -> None:
    crop = Wrap(v2.RandomCrop(28, padding=2))
    alone, helped = (digits(tmp_path, train_transform=crop, num_workers=n) for n in (0, 2))
    state = torch.get_rng_state()
    first = pass_over(alone)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    assert torch.equal(first, pass_over(helped))
    loader = alone.train_dataloader()
    loader.sampler.set_epoch(1)  # type: ignore[attr-defined]
    assert not torch.equal(first, torch.cat([found["image"] for found in loader]))


def test_networks_are_built_for_the_images_that_the_transform_makes(tmp_path: Path) -> None:
    resize = Wrap(v2.Resize((32, 40)), each=False)
    data = digits(tmp_path, train_transform=resize, eval_transform=resize)
    assert data.spec.input_shape == (1, 32, 40)
    assert pass_over(data).shape[1:] == (1, 32, 40)


def test_floating_point_images_are_normalised_already(tmp_path: Path) -> None:
    scale = Wrap(v2.ToDtype(torch.float32, scale=True), each=False)
    data = digits(tmp_path, train_transform=scale, eval_transform=scale)
    image = data.on_after_batch_transfer(next(iter(data.val_dataloader())), 0)["image"]
    assert float(image.min()) == 0 and float(image.max()) == 1


def test_channels_of_unknown_mean_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="makes 3 channels of 1"):
        _ = digits(tmp_path, eval_transform=Wrap(v2.Grayscale(3), each=False)).spec


def test_a_trial_trains_on_augmented_images(tmp_path: Path) -> None:
    line = (*CROP, "model.size=tiny", "trainer.max_epochs=1", "trainer.limit_train_batches=3")
    done = command_in_fork(tmp_path, *line)
    assert done.returncode == 0, done.stderr


def test_a_training_transform_of_another_shape_is_one_line(tmp_path: Path) -> None:
    done = command_in_fork(tmp_path, *CROP, "data.train_transform.crop.transform.size=24")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "data.train_transform makes images (1, 24, 24)" in done.stderr
