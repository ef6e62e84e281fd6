"""The seam between a data set's files and the data module."""

from typing import NamedTuple, Protocol

from torch import Tensor

from trainer_pkg.spec import DataSpec


class Split(NamedTuple):
    """Images (N, C, H, W) uint8 and their class labels (N,) int64."""

    images: Tensor
    labels: Tensor


class Source(Protocol):
    """A data set with an official train and test split."""

    @property
    def name(self) -> str:
        """Identifies the content: part of the cache file's name."""
        ...

    @property
    def spec(self) -> DataSpec:
        """Known without reading a file."""
        ...

    def load(self) -> dict[str, Split]:
        """Read, and where needed download, the splits `train` and `test`.

        Raises:
            ConfigError: The files are not there and cannot be had.
        """
        ...
