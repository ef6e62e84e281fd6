"""A data set as one file of tensors: nothing in it can run, and processes share its pages."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from trainer_pkg.atomic import write_atomically
from trainer_pkg.data.source import Columns, check_columns, short_digest
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal, Target

_FORMAT, _VERSION = "sweeps-tensors", 1
_KINDS: dict[str, type[Target]] = {kind.__name__.lower(): kind for kind in (Categorical, Ordinal, Continuous)}


class TensorFile:
    """A data set in a file that `write` has written.

    Args:
        path: The file.

    Raises:
        ConfigError: The file is damaged, or of another kind.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._held: dict[str, Any] = torch.load(path, mmap=True, weights_only=True)
            if self._held["format"] != _FORMAT or self._held["version"] != _VERSION:
                raise KeyError("format")
            self.spec = _spec(self._held["spec"])
        except Exception as error:  # torch raises many kinds
            raise ConfigError(f"{path} is no file of tensors that `python -m trainer_pkg.convert` writes.") from error
        stamp = (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
        self.name = f"tensors-{short_digest(stamp)}"

    def load(self) -> dict[str, Columns]:
        return {split: self._held[split] for split in ("train", "test")}


def write(path: Path, spec: DataSpec, splits: Mapping[str, Columns]) -> None:
    """Write a data set into one file of tensors, for `data=multihead_files data.source.path=FILE.pt`.

    Args:
        path: The file; its name ends in `.pt`.
        spec: Shape and targets.
        splits: `train` and `test` to their columns.

    Raises:
        ConfigError: The columns do not fit the spec.

    Example:
        >>> spec = DataSpec(input_shape=(1, 8, 8), targets={"weight": Continuous(low=0.0, high=9.0)})
        >>> columns = {"image": torch.zeros(4, 1, 8, 8, dtype=torch.uint8), "weight": torch.rand(4) * 9}
        >>> write(Path("my_set.pt"), spec, {"train": columns, "test": columns})
        >>> TensorFile(Path("my_set.pt")).spec == spec
        True
    """
    for split, columns in splits.items():
        check_columns(spec, columns, split)
    targets = {head: {"kind": type(target).__name__.lower(), **asdict(target)} for head, target in spec.targets.items()}
    described = {"input_shape": list(spec.input_shape), "num_aux": spec.num_aux, "targets": targets}
    held = {"format": _FORMAT, "version": _VERSION, "spec": described, **splits}
    write_atomically(path, lambda file: torch.save(held, file))


def _spec(described: Mapping[str, Any]) -> DataSpec:
    targets = {}
    for head, target in described["targets"].items():
        values = dict(target)
        targets[head] = _KINDS[values.pop("kind")](**values)
    channels, height, width = described["input_shape"]
    return DataSpec(input_shape=(channels, height, width), targets=targets, num_aux=described["num_aux"])
