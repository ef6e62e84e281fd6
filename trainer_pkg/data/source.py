"""The seam between a data set's files and the data module."""

import hashlib
from typing import Protocol

import torch
from torch import Tensor

from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Continuous, DataSpec

Columns = dict[str, Tensor]
"""`image` (N, C, H, W) uint8, one column (N,) per target, and `aux` (N, A) float32 if there are scalars.

Columns of classes are int64, columns of numbers float32.
"""


class Source(Protocol):
    """A data set with an official train and test split.

    Example:
        One class, and one file `configs/data/noise.yaml` that makes it `data=noise`:

            defaults: [parts/in_memory@_here_, _self_]
            source: {_target_: my_package.noise.Noise}
            num_val: 0.1
            batch_size: 32

        >>> from trainer_pkg.spec import Categorical
        >>> class Noise:
        ...     name = "noise"
        ...     spec = DataSpec(input_shape=(1, 8, 8), targets={"side": Categorical(num_classes=2)})
        ...
        ...     def load(self):
        ...         images = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8)
        ...         return {split: {"image": images, "side": torch.arange(40) % 2} for split in ("train", "test")}
        >>> for split, columns in Noise().load().items():
        ...     check_columns(Noise.spec, columns, split)
    """

    @property
    def name(self) -> str:
        """Part of the name of the cache file: another content needs another name."""
        ...

    @property
    def spec(self) -> DataSpec:
        """Shape and targets; known without reading the images."""
        ...

    def load(self) -> dict[str, Columns]:
        """Read, and where needed download, the splits `train` and `test`.

        Raises:
            ConfigError: The files are not there and cannot be had.
        """
        ...


def short_digest(content: object) -> str:
    """Sixteen hexadecimal digits for plain values: part of a source's name, another one when its files change."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def check_columns(spec: DataSpec, columns: Columns, split: str) -> None:
    """Compare a split with the spec of its source.

    Raises:
        ConfigError: A column is missing, has another length, shape or type, or holds a label out of its range.
    """
    shapes = {"image": tuple(spec.input_shape), **dict.fromkeys(spec.targets, ())}
    if spec.num_aux:
        shapes["aux"] = (spec.num_aux,)
    kinds = {"image": torch.uint8, "aux": torch.float32}
    for name, shape in shapes.items():
        if name not in columns:
            raise ConfigError(f"The {split} split has no column {name!r}. Columns: {', '.join(columns)}.")
        column, target = columns[name], spec.targets.get(name)
        kind = kinds.get(name, torch.float32 if isinstance(target, Continuous) else torch.int64)
        if tuple(column.shape[1:]) != shape or column.dtype != kind or len(column) != len(columns["image"]):
            raise ConfigError(
                f"Column {name!r} of the {split} split is {tuple(column.shape)} {column.dtype}:"
                f" {(len(columns['image']), *shape)} {kind} is expected."
            )
        if target is not None:
            _check_range(f"Column {name!r} of the {split} split", column, target.range)
    if not len(columns["image"]):
        raise ConfigError(f"The {split} split has no rows.")


def _check_range(what: str, column: Tensor, bounds: tuple[float, float]) -> None:
    bad = column[~((column >= bounds[0]) & (column <= bounds[1]))]  # not a number is bad, too
    if len(bad):
        raise ConfigError(f"{what} holds {bad[0].item():g}, outside {bounds[0]:g} to {bounds[1]:g}.")
