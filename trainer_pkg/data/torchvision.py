"""Image sets that torchvision reads and downloads."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision import datasets

from trainer_pkg.data import superclasses
from trainer_pkg.data.source import Columns
from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import Categorical, DataSpec, Shape


class Kind(NamedTuple):
    """A data set of torchvision's.

    Attributes:
        reader: Its class in torchvision.
        folder: Folder that its files fill, below the root.
        shape: (C, H, W) of an image.
        head: Name of the head.
        num_classes: Number of classes.
        groups: Entry i is the label of what torchvision calls class i; None: the class itself.
    """

    reader: Any
    folder: str
    shape: Shape
    head: str
    num_classes: int
    groups: Sequence[int] | None = None


KINDS: Mapping[str, Kind] = {
    "mnist": Kind(datasets.MNIST, "MNIST/raw", (1, 28, 28), "digit", 10),
    "fashion_mnist": Kind(datasets.FashionMNIST, "FashionMNIST/raw", (1, 28, 28), "garment", 10),
    "cifar10": Kind(datasets.CIFAR10, "cifar-10-batches-py", (3, 32, 32), "class", 10),
    "cifar100": Kind(datasets.CIFAR100, "cifar-100-python", (3, 32, 32), "class", 100),
    "cifar100_coarse": Kind(datasets.CIFAR100, "cifar-100-python", (3, 32, 32), "class", 20, superclasses.table()),
}


class TorchvisionImages:
    """A data set of torchvision's with one class per image, in its official split.

    Args:
        root: Directory that holds the set's folder; absent files are downloaded into it.
        kind: One of `KINDS`.
        download: Whether absent files may be downloaded.

    Raises:
        ConfigError: The kind is unknown.

    Example:
        >>> TorchvisionImages("data", "mnist").spec
        DataSpec(input_shape=(1, 28, 28), targets={'digit': Categorical(num_classes=10)}, num_aux=0)
    """

    def __init__(self, root: str | Path, kind: str, download: bool = True) -> None:
        if kind not in KINDS:
            raise ConfigError(f"data.source.kind={kind} is unknown. Known: {did_you_mean(kind, KINDS)}")
        self.name, self._kind = kind, KINDS[kind]
        self._root, self._download = Path(root), download

    @property
    def spec(self) -> DataSpec:
        target = Categorical(num_classes=self._kind.num_classes)
        return DataSpec(input_shape=self._kind.shape, targets={self._kind.head: target})

    def load(self) -> dict[str, Columns]:
        return {"train": self._columns(train=True), "test": self._columns(train=False)}

    def _columns(self, train: bool) -> Columns:
        folder = self._root / self._kind.folder
        absent = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            found = self._kind.reader(self._root, train=train, download=self._download)
        except (RuntimeError, OSError) as error:
            for path in absent:  # torchvision makes the folders before it tries to download
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise ConfigError(
                f"paths.data_dir={self._root} holds no {self._kind.folder} and the download failed."
                " Put the files there, or use data=digits, which needs none."
            ) from error
        labels = torch.as_tensor(found.targets)
        if self._kind.groups is not None:
            labels = torch.tensor(self._kind.groups)[labels]
        return {"image": _channels_first(torch.as_tensor(found.data)), self._kind.head: labels}


def _channels_first(images: Tensor) -> Tensor:
    """(N, H, W) or (N, H, W, C) to (N, C, H, W)."""
    return images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
