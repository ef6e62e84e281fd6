"""CIFAR-100-MH: images with a few byte-sized parameters each, in two pickles and a JSON file.

The pickles `train_batch` and `test_batch` are dicts. `data` has one flat image per row, height by width by channels. A
label key has one record per image, of bytes: the number of parameters, then id and value of each parameter.
"""

import functools
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer_pkg.atomic import write_atomically
from trainer_pkg.data.byte_records import flat_images, values_of
from trainer_pkg.data.pickles import read_pickle
from trainer_pkg.data.source import Columns, short_digest
from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import DataSpec, Ordinal, Shape, Target

FORMAT = "CIFAR-100-MH"
INFO = "cifar100mh_dataset_info.json"
LABEL_KEYS = ("labels", "cifar100mh_labels", "multihead_labels")
DEFAULT_SHAPE: Shape = (3, 32, 32)


class CIFAR100MH:
    """Two pickles and what a JSON file says about them.

    A label is a parameter's value less the parameter's minimum. Heads stand in the order in which the JSON file names
    them. Without such a file, heads are called `param_<id>` and have as many classes as their highest value implies.

    Args:
        files: `train` and `test` to their pickles.
        info: The content of the JSON file; None: there is no such file.
        shape: (C, H, W) of an image, if `info` does not say.
    """

    def __init__(
        self, files: Mapping[str, Path], info: Mapping[str, Any] | None = None, shape: Shape = DEFAULT_SHAPE
    ) -> None:
        self._files, self._info = dict(files), dict(info or {})
        self._shape = _shape(self._info["image_size"]) if "image_size" in self._info else shape

    @property
    def name(self) -> str:
        stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in self._files.values()]
        return f"cifar100mh-{short_digest((stamps, self._info))}"

    @functools.cached_property
    def spec(self) -> DataSpec:
        names, mappings = self._info.get("parameter_names"), self._info.get("parameter_mappings", {})
        if names is None or set(names) - set(mappings):
            highest = {key: max(int(column.max()) for column in columns) for key, columns in self._seen.items()}
            names = [self._head(key) for key in sorted(highest)]
            mappings = {**{self._head(key): {"min": 0, "max": value} for key, value in highest.items()}, **mappings}
        targets: dict[str, Target] = {}
        for name in names:
            low, high = (mappings[name].get(bound) for bound in ("min", "max"))
            if not all(isinstance(bound, int) and 0 <= bound <= 255 for bound in (low, high)) or low > high:
                raise ConfigError(f"{INFO}: {name} has min {low} and max {high}; 0 <= min <= max <= 255 is the rule.")
            targets[str(name)] = Ordinal(num_classes=high - low + 1, low=float(low))
        return DataSpec(input_shape=self._shape, targets=targets)

    def load(self) -> dict[str, Columns]:
        """Both splits.

        Raises:
            ConfigError: A file breaks the format; the line names the sample.
        """
        return {split: self._columns(split, *batch) for split, batch in self._batches.items()}

    @functools.cached_property
    def _batches(self) -> dict[str, tuple[Any, dict[int, np.ndarray]]]:
        return {split: self._batch(split, path) for split, path in self._files.items()}

    @property
    def _seen(self) -> dict[int, list[np.ndarray]]:
        """Parameter id to its values, one array (N,) per split."""
        found: dict[int, list[np.ndarray]] = {}
        for _, values in self._batches.values():
            for key, column in values.items():
                found.setdefault(key, []).append(column)
        return found

    def _head(self, key: int) -> str:
        names = self._info.get("parameter_names")
        if names is None:
            return f"param_{key}"
        if key >= len(names):
            raise ConfigError(f"Parameter id {key} has no name: {INFO} names {', '.join(map(str, names))}.")
        return str(names[key])

    def _batch(self, split: str, path: Path) -> tuple[Any, dict[int, np.ndarray]]:
        batch = read_pickle(path)
        if not isinstance(batch, dict) or "data" not in batch:
            raise ConfigError(f"{path} must contain the key 'data'.")
        key = next((key for key in LABEL_KEYS if key in batch), None)
        if key is None:
            raise ConfigError(f"{path} must contain a labels key: one of {', '.join(LABEL_KEYS)}.")
        images, records = batch["data"], batch[key]
        if not all(
            isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim)
            for value in (images, records)
        ):
            raise ConfigError(f"{path}: 'data' and {key!r} must be lists or arrays.")
        if not len(images):
            raise ConfigError(f"{path} has no samples.")
        if len(images) != len(records):
            raise ConfigError(f"{path} has {len(images)} images and {len(records)} labels.")
        described = self._info.get(f"{split}_samples", len(images))
        if described != len(images):
            raise ConfigError(f"{path} has {len(images)} samples, but {INFO} tells of {described}.")
        return flat_images(images, self._shape, path), values_of(records, path)

    def _columns(self, split: str, images: np.ndarray, values: dict[int, np.ndarray]) -> Columns:
        channels, height, width = self._shape
        shaped = torch.from_numpy(images).view(-1, height, width, channels).permute(0, 3, 1, 2)
        labels = {self._head(key): column for key, column in values.items()}
        columns = {"image": shaped.contiguous()}
        for head, target in self.spec.targets.items():
            if head not in labels:
                raise ConfigError(f"{self._files[split]}: {head} is in {INFO} but in no label record.")
            low, high = int(target.low), int(target.low) + target.num_classes - 1  # type: ignore[union-attr]
            wrong = np.flatnonzero((labels[head] < low) | (labels[head] > high))
            if len(wrong):
                value, where = labels[head][wrong[0]], f"{self._files[split]}: sample {wrong[0]}"
                raise ConfigError(f"{where} has {head} {value}, outside {low} to {high}.")
            columns[head] = torch.from_numpy(labels[head].astype(np.int64) - low)
        return columns


def write(folder: Path, spec: DataSpec, splits: Mapping[str, Columns], dataset_name: str = "dataset") -> None:
    """Write a data set in this format.

    Args:
        folder: Where the three files go; it is made.
        spec: Shape and targets. Every target has ordered classes whose values fit in a byte.
        splits: Columns of `train` and `test`.
        dataset_name: Goes into the JSON file.

    Raises:
        ConfigError: A target does not fit the format.

    Example:
        >>> spec = DataSpec(input_shape=(1, 4, 4), targets={"note": Ordinal(num_classes=3, low=60.0)})
        >>> columns = {"image": torch.zeros(3, 1, 4, 4, dtype=torch.uint8), "note": torch.tensor([0, 1, 2])}
        >>> write(Path("my_set"), spec, {"train": columns, "test": columns})
        >>> sorted(path.name for path in Path("my_set").iterdir())
        ['cifar100mh_dataset_info.json', 'test_batch', 'train_batch']
    """
    bounds = {head: _bounds(head, target) for head, target in spec.targets.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for split, columns in splits.items():
        images = columns["image"].permute(0, 2, 3, 1).flatten(1).numpy()
        batch = pickle.dumps({"data": images, "cifar100mh_labels": _records(columns, bounds)})
        write_atomically(folder / f"{split}_batch", lambda file, batch=batch: file.write(batch))  # type: ignore[misc]
    channels, height, width = spec.input_shape
    sizes = {f"{split}_samples": len(columns["image"]) for split, columns in splits.items()}
    info = {
        "format": FORMAT,
        "version": "1.0",
        "dataset_name": dataset_name,
        "n_samples": sum(sizes.values()),
        **sizes,
        "image_size": f"{height}x{width}x{channels}",
        "parameter_names": list(bounds),
        "parameter_mappings": {
            head: {"min": low, "max": high, "description": head, "scale": "linear"}
            for head, (low, high) in bounds.items()
        },
    }
    write_atomically(folder / INFO, lambda file: file.write(json.dumps(info, indent=2).encode()))


def _bounds(head: str, target: Target) -> tuple[int, int]:
    """Lowest and highest value of a head, each of one byte."""
    low, step = (target.low, target.step) if isinstance(target, Ordinal) else (0.0, 1.0)
    high = low + (target.range[1] - target.range[0]) * step
    if target.num_outputs == 1 or step != 1.0 or low != int(low) or not 0 <= low <= high <= 255:
        raise ConfigError(f"{head} does not fit {FORMAT}: its values must be whole numbers from 0 to 255.")
    return int(low), int(high)


def _records(columns: Columns, bounds: Mapping[str, tuple[int, int]]) -> list[bytes]:
    """One label record per row: the number of heads, then position and value of each head."""
    values = [columns[head].add(low).tolist() for head, (low, _) in bounds.items()]
    rows = zip(*values, strict=True)
    return [bytes([len(row), *(part for pair in enumerate(row) for part in pair)]) for row in rows]


def _shape(text: Any) -> Shape:
    parts = str(text).split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ConfigError(f"{INFO}: image_size {text} must be HEIGHTxWIDTHxCHANNELS, 32x32x3 for instance.")
    height, width, channels = map(int, parts)
    return channels, height, width
