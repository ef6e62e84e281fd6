"""A data set as one file of tensors that every process maps instead of reading."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from trainer_pkg.atomic import write_atomically
from trainer_pkg.data.source import Source

Tensors = dict[str, Tensor]


def cached(source: Source, folder: Path) -> Tensors:
    """`train_images`, `train_labels`, `test_images`, `test_labels`, `mean` and `std` of a source, mapped.

    Raises:
        ConfigError: The source has no files and cannot get them.
    """

    def read() -> Tensors:
        splits = source.load()
        tensors = {f"{name}_{field}": value for name, split in splits.items() for field, value in split._asdict().items()}
        tensors["mean"], tensors["std"] = _moments(splits["train"].images)
        return tensors

    return mapped(folder / f"{source.name}.pt", read)


def mapped(path: Path, make: Callable[[], Tensors]) -> Tensors:
    """Map the tensors of a file; build it on first use.

    The pages are shared by all processes that map the file. Several may build it at once: the last rename wins and all
    of them have written the same bytes.
    """
    if not path.exists():
        tensors = make()
        write_atomically(path, lambda file: torch.save(tensors, file))
    found: Tensors = torch.load(path, mmap=True, weights_only=True)
    return found


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel, each (C, 1, 1), of images (N, C, H, W) on the scale 0 to 255."""
    levels = torch.arange(256, dtype=torch.float64)
    means, deviations = [], []
    for channel in images.unbind(1):
        share = torch.bincount(channel.flatten(), minlength=256) / channel.numel()
        mean = (share * levels).sum()
        means.append(mean)
        deviations.append((share * (levels - mean) ** 2).sum().sqrt().clamp(min=1.0))
    return torch.stack(means).float().view(-1, 1, 1), torch.stack(deviations).float().view(-1, 1, 1)
