"""The one data module: dict batches from tensors in memory."""

import copy
import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from trainer_pkg.data.baseline import constants
from trainer_pkg.data.cache import cached, file_of, mapped
from trainer_pkg.data.digests import digest_of_all
from trainer_pkg.data.labels import Labels
from trainer_pkg.data.rows import Rows
from trainer_pkg.data.sampler import BatchOrder
from trainer_pkg.data.source import Columns, Source
from trainer_pkg.data.transforms import Step, shape_after
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Batch, DataSpec


class DataModule(LightningDataModule):
    """Train and validation rows from the official training split, test rows from the official test split.

    A batch is a dict: `image` (B, C, H, W), one entry (B,) per target, and `aux` (B, A) if the source has scalars. The
    loader gives images as uint8; in the step they are float32 and normalised. Images that a transform has turned into
    floating-point numbers count as normalised already.

    Args:
        source: Where the images come from.
        cache_dir: Folder of the mapped cache file.
        num_val: How many rows of the training split are kept for validation; below 1: their share.
        batch_size: Rows of a training batch, over all devices.
        eval_batch_size: Rows of a validation or test batch, per device.
        shuffle_seed: Seed of the training order; None takes torch's own seed.
        split_seed: Seed of the choice of validation rows. Trials that are to be compared need equal ones.
        labels: Makes more targets from the images and the class label; None: the source's targets alone.
        train_transform: Changes each training batch as it leaves the loader, with images of uint8.
        eval_transform: Changes each validation and test batch likewise.
        mean: Mean of the images on the scale 0 to 1, for all channels or one per channel; None: measured on the
            source's training split.
        std: Standard deviation of the images; otherwise as `mean`.
        num_workers: Loader processes; the data is in memory, so 0 is usually fastest.
        pin_memory: Whether batches are copied to pinned memory first.

    Attributes:
        constants: Head name to what one answer for all validation images achieves, once it is set up.

    Raises:
        ConfigError: A number is out of its range.

    Example:
        >>> from trainer_pkg.data.digits import Digits
        >>> data = DataModule(source=Digits(), cache_dir="data/cache", num_val=180, batch_size=32)
        >>> data.spec.input_shape
        (1, 28, 28)
        >>> data.setup()
        >>> batch = next(iter(data.train_dataloader()))
        >>> {name: tuple(column.shape) for name, column in batch.items()}
        {'image': (32, 1, 28, 28), 'digit': (32,)}
    """

    def __init__(
        self,
        *,
        source: Source,
        cache_dir: str | Path,
        num_val: float,
        batch_size: int = 128,
        eval_batch_size: int = 1000,
        shuffle_seed: int | None = 0,
        split_seed: int = 42,
        labels: Labels | None = None,
        train_transform: Step | None = None,
        eval_transform: Step | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__()
        for key, value in (("batch_size", batch_size), ("eval_batch_size", eval_batch_size)):
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"data.{key}={value} must be a whole number of at least 1.")
        if not (0 < num_val < 1 or (isinstance(num_val, int) and num_val >= 1)):
            raise ConfigError(f"data.num_val={num_val} must be a whole number of at least 1, or a share below 1.")
        if not isinstance(num_workers, int) or num_workers < 0:
            raise ConfigError(f"data.num_workers={num_workers} must be a whole number of at least 0.")
        self.source, self._labels = source, labels
        self._cache_dir = Path(cache_dir)
        self._num_val, self._batch_size, self._eval_batch_size = num_val, batch_size, eval_batch_size
        self._shuffle_seed = _seed_of(shuffle_seed)
        self._split_seed = split_seed
        self._loader_options: dict[str, Any] = {"num_workers": num_workers, "pin_memory": pin_memory}
        self._transforms = {"train": train_transform, "val": eval_transform, "test": eval_transform}
        self._mean, self._std = mean, std
        self._splits: dict[str, Rows] = {}
        self.constants: dict[str, float] = {}
        self._name, self._files = source.name, [file_of(source, self._cache_dir)]
        self._resume = (0, 0)

    def again(self, shuffle_seed: int | None) -> "DataModule":
        """This data with the seed of another order; what is set up already is shared."""
        other = copy.copy(self)
        other._shuffle_seed, other._resume, other.trainer = _seed_of(shuffle_seed), (0, 0), None
        return other

    @functools.cached_property
    def spec(self) -> DataSpec:
        """Shape and targets of the batches, known before any image is read."""
        known = self.source.spec
        extra = self._labels.targets if self._labels else {}
        spec = replace(known, targets={**known.targets, **extra})
        transform = self._transforms["test"]
        return spec if transform is None else replace(spec, input_shape=shape_after(transform, spec))

    @property
    def identity(self) -> dict[str, Any]:
        """`name`, `digest` of the mapped files, and `rows` per split, once it is set up."""
        rows = {split: len(rows) for split, rows in self._splits.items()}
        return {"name": self._name, "digest": digest_of_all(self._files), "rows": rows}

    @property
    def scale(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation on the scale 0 to 255, each (C, 1, 1) or (1, 1, 1), once it is set up."""
        return self._scale

    def prepare_data(self) -> None:
        if not self._splits:
            cached(self.source, self._cache_dir)

    def setup(self, stage: str | None = None) -> None:
        if self._splits:
            return
        tables = cached(self.source, self._cache_dir)
        num_rows, num_test = (len(tables[split]["image"]) for split in ("train", "test"))
        num_val = round(self._num_val * num_rows) if self._num_val < 1 else int(self._num_val)
        if not 1 <= num_val < num_rows:
            raise ConfigError(
                f"data.num_val={self._num_val} leaves no training or no validation rows: the split has {num_rows}."
            )
        order = torch.randperm(num_rows, generator=torch.Generator().manual_seed(self._split_seed))
        is_val = torch.zeros(num_rows, dtype=torch.bool).index_fill_(0, order[:num_val], True)
        val, train = is_val.nonzero().flatten(), is_val.logical_not().nonzero().flatten()
        self._scale = self._levels(self._mean, tables["scale"]["mean"]), self._levels(self._std, tables["scale"]["std"])
        further = self._further_targets(tables, train)
        columns = {split: {**tables[split], **further.get(split, {})} for split in ("train", "test")}
        rows = {"train": train, "val": val, "test": torch.arange(num_test)}
        self.constants = constants(columns["train"], train, val, self.spec)
        self._splits = {
            split: Rows(columns["test" if split == "test" else "train"], rows[split], self._transforms[split])
            for split in rows
        }

    def train_dataloader(self) -> DataLoader[Batch]:
        world = getattr(self.trainer, "world_size", 1)
        if self._batch_size % world:
            raise ConfigError(f"data.batch_size={self._batch_size} is not divisible by the {world} devices.")
        # Overfitting means the same few batches in each epoch.
        seed = None if getattr(self.trainer, "overfit_batches", 0) else self._shuffle_seed
        order = self._order("train", self._batch_size // world, seed)
        order.resume_at(*self._resume)
        self._resume = (0, 0)
        return self._loader("train", order)

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader("val", self._order("val", self._eval_batch_size))

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader("test", self._order("test", self._eval_batch_size))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalise on the device, the whole batch at once."""
        image = batch["image"]
        if image.is_floating_point():
            return batch
        mean, std = (value.to(image.device, non_blocking=True) for value in self._scale)
        return {**batch, "image": image.float().sub_(mean).div_(std)}

    def state_dict(self) -> dict[str, int]:
        """Position in the data order: the epoch, and how many of its batches have been trained on."""
        loop: Any = self.trainer.fit_loop  # type: ignore[union-attr]
        done = loop.epoch_loop.batch_progress.current.processed
        finished = done >= loop.max_batches
        return {"epoch": loop.epoch_progress.current.processed, "batch": 0 if finished else done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._resume = (state_dict["epoch"], state_dict["batch"])

    def _levels(self, given: float | Sequence[float] | None, measured: Tensor) -> Tensor:
        """A statistic on the scale 0 to 255, (C, 1, 1), or (1, 1, 1) for all channels.

        Args:
            given: On the scale 0 to 1; None takes the measured one.
            measured: On the scale 0 to 255, (C, 1, 1).
        """
        if given is None:
            return measured
        levels = 255 * torch.tensor(given, dtype=torch.float32).view(-1, 1, 1)
        if len(levels) not in (1, len(measured)):
            raise ConfigError(f"data.mean and data.std must be one number, or one for each channel of {len(measured)}.")
        return levels

    def _further_targets(self, tables: dict[str, Columns], train: Tensor) -> dict[str, Columns]:
        """Split to the columns that `labels` makes; columns of labels with a name are kept in a file."""
        labels, known = self._labels, self.source.spec
        if labels is None:
            return {}

        def make() -> dict[str, Columns]:
            if getattr(labels, "learns", True):  # picking the images is a copy of them all
                labels.fit(tables["train"]["image"][train])
            return {split: labels(tables[split]["image"], tables[split][known.primary]) for split in ("train", "test")}

        if not labels.name:
            return make()
        name = f"{self.source.name}-{labels.name}"
        path = self._cache_dir / f"{name}-{len(train)}-{self._split_seed}.2.pt"
        found = mapped(path, make)
        self._name, self._files = name, [*self._files, path]
        return found

    def _order(self, split: str, batch_size: int, seed: int | None = None) -> BatchOrder:
        rank = getattr(self.trainer, "global_rank", 0)
        num_ranks = getattr(self.trainer, "world_size", 1)
        return BatchOrder(len(self._splits[split]), batch_size, seed, rank, num_ranks)

    def _loader(self, split: str, order: BatchOrder) -> DataLoader[Batch]:
        return DataLoader(
            self._splits[split],
            batch_size=None,  # each item of the sampler is a whole batch of row numbers: one indexing makes a batch
            sampler=order,
            collate_fn=_as_it_is,
            # A generator of its own: each new iterator draws a number, and dropout must not notice.
            generator=torch.Generator().manual_seed(self._shuffle_seed),
            **self._loader_options,
        )


def _seed_of(shuffle_seed: int | None) -> int:
    return torch.initial_seed() % 2**63 if shuffle_seed is None else shuffle_seed


def _as_it_is(batch: Any) -> Any:
    return batch
