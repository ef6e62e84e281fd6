"""A data set as one file of tensors, which every process maps into its memory instead of reading it."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from trainer_pkg.atomic import write_atomically
from trainer_pkg.data.source import Columns, Source, check_columns

_LAYOUT = 2  # one more whenever the content of such a file changes


def cached(source: Source, folder: Path) -> dict[str, Columns]:
    """The splits `train` and `test` of a source, and `scale`: `mean` and `std` per channel, (C, 1, 1). All are mapped.

    Args:
        source: Read once; the file is named after it.
        folder: Folder of the file.

    Raises:
        ConfigError: The source has no files and cannot get them, or they are not what it promises.
    """

    def read() -> dict[str, Columns]:
        splits = source.load()
        for split, columns in splits.items():
            check_columns(source.spec, columns, split)
        mean, std = _moments(splits["train"]["image"])
        return {**splits, "scale": {"mean": mean, "std": std}}

    return mapped(file_of(source, folder), read)


def file_of(source: Source, folder: Path) -> Path:
    """The cache file of a source."""
    return folder / f"{source.name}.{_LAYOUT}.pt"


def mapped(path: Path, make: Callable[[], dict[str, Columns]]) -> dict[str, Columns]:
    """The tensors of a file, mapped; the first caller makes them and writes the file.

    All processes that map the file share its pages. Several processes may write it at once: they write the same bytes,
    and the last one to rename its file wins.
    """
    if not path.exists():
        tensors = make()
        write_atomically(path, lambda file: torch.save(tensors, file))
    found: dict[str, Columns] = torch.load(path, mmap=True, weights_only=True)
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
