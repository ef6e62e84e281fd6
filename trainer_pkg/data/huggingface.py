"""Data sets that the package `datasets` reads: from the hub, from disk, from parquet files."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer_pkg.data.source import Columns, short_digest
from trainer_pkg.data.tensors import TensorFile, write
from trainer_pkg.errors import ConfigError, did_you_mean, first_line
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal, Target

_KINDS = ("categorical", "ordinal", "continuous")


class HuggingFace:
    """A data set of the package `datasets`, turned once into a file of tensors.

    Trials read that file and never import `datasets`.

    Args:
        path: Name on the hub, a folder that `save_to_disk` wrote, or a folder of parquet files with the splits' names.
        cache_dir: Folder of the file of tensors.
        config_name: Configuration, for a data set that has several; None: its default.
        revision: Version on the hub; None: the newest.
        image: Column of the images; None: the only column of images.
        targets: Column to kind: categorical, ordinal or continuous. Classes and range are measured if the data set does
            not name them. None: every column of named classes.
        aux: Columns of numbers that come with each image.
        test_split: Split for the test; validation rows come from the split `train`.

    Raises:
        ConfigError: The data set cannot be loaded, or has no such column.
    """

    def __init__(
        self,
        path: str,
        cache_dir: str | Path,
        config_name: str | None = None,
        revision: str | None = None,
        image: str | None = None,
        targets: Mapping[str, str] | None = None,
        aux: Sequence[str] = (),
        test_split: str = "test",
    ) -> None:
        for column, kind in (targets or {}).items():
            if kind not in _KINDS:
                known = did_you_mean(kind, _KINDS)
                raise ConfigError(f"data.source.targets.{column}={kind} is unknown. Known: {known}")
        asked = (path, config_name, revision, image, sorted((targets or {}).items()), list(aux), test_split)
        stamps = [(str(file), file.stat().st_mtime_ns) for file in sorted(Path(path).rglob("*")) if file.is_file()]
        digest = short_digest((asked, stamps))
        file = Path(cache_dir) / f"hf-{digest}.tensors.pt"
        if not file.exists():
            splits = _loaded(path, config_name, revision, test_split)
            image = image or _only_image(splits["train"].features)
            kinds = dict(targets) if targets else _named_classes(splits["train"].features)
            spec, columns = _convert(splits, image, kinds, list(aux))
            write(file, spec, columns)
        self._file = TensorFile(file)
        self.name, self.spec = f"hf-{digest}", self._file.spec

    def load(self) -> dict[str, Columns]:
        return self._file.load()


def _loaded(path: str, config_name: str | None, revision: str | None, test_split: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError("data=hf needs the package datasets: pip install 'hydra-sweeps[hf]'.") from error
    datasets.disable_progress_bars()
    for name in ("datasets", "huggingface_hub"):  # they warn of what they raise a moment later
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        if Path(path, "dataset_dict.json").is_file():
            found = datasets.load_from_disk(path)
        else:
            found = datasets.load_dataset(path, config_name, revision=revision)
    except Exception as error:  # the network, the hub and the file readers raise many kinds
        raise ConfigError(f"data.source.path={path} cannot be loaded: {first_line(error)}") from error
    for key, split in (("path", "train"), ("test_split", test_split)):
        if split not in found:
            raise ConfigError(f"data.source.{key}: {path} has no split {split!r}. Splits: {', '.join(found)}.")
    return {"train": found["train"], "test": found[test_split]}


def _only_image(features: Mapping[str, Any]) -> str:
    images = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    if len(images) != 1:
        raise ConfigError(f"data.source.image must name the image column. Columns: {', '.join(features)}.")
    return images[0]


def _named_classes(features: Mapping[str, Any]) -> dict[str, str]:
    kinds = {name: "categorical" for name, feature in features.items() if type(feature).__name__ == "ClassLabel"}
    if not kinds:
        raise ConfigError(f"data.source.targets must name the target columns. Columns: {', '.join(features)}.")
    return kinds


def _convert(
    splits: Mapping[str, Any], image: str, kinds: Mapping[str, str], aux: list[str]
) -> tuple[DataSpec, dict[str, Columns]]:
    features = splits["train"].features
    for name in (image, *kinds, *aux):
        if name not in features:
            raise ConfigError(f"data.source: there is no column {name!r}. Columns: {did_you_mean(name, features)}")
    columns: dict[str, Columns] = {split: {"image": _images(rows[image])} for split, rows in splits.items()}
    targets: dict[str, Target] = {}
    for name, kind in kinds.items():
        values = {split: _numbers(rows[name], name) for split, rows in splits.items()}
        targets[name] = _target(name, kind, features[name], np.concatenate(list(values.values())))
        low = targets[name].low if isinstance(targets[name], Ordinal) else 0  # type: ignore[union-attr]
        for split, numbers in values.items():
            labels = numbers.astype(np.float32) if kind == "continuous" else (numbers - low).astype(np.int64)
            columns[split][name] = torch.from_numpy(labels)
    if aux:
        for split, rows in splits.items():
            scalars = [_numbers(rows[name], name).astype(np.float32) for name in aux]
            columns[split]["aux"] = torch.from_numpy(np.stack(scalars, axis=1))
    channels, height, width = columns["train"]["image"].shape[1:]
    return DataSpec(input_shape=(channels, height, width), targets=targets, num_aux=len(aux)), columns


def _target(name: str, kind: str, feature: Any, values: np.ndarray) -> Target:
    low, high = values.min().item(), values.max().item()
    if kind == "continuous":
        return Continuous(low=float(np.float32(low)), high=float(np.float32(high)))
    if (values != np.floor(values)).any() or (kind == "categorical" and low < 0):
        raise ConfigError(f"data.source.targets.{name}={kind}, but the column holds {low:g} to {high:g}.")
    if kind == "categorical":
        return Categorical(num_classes=getattr(feature, "num_classes", None) or int(high) + 1)
    return Ordinal(num_classes=int(high - low) + 1, low=float(low))


def _numbers(column: Any, name: str) -> np.ndarray:
    values = np.asarray(list(column))
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise ConfigError(f"data.source: column {name!r} does not hold one number per row.")
    return values.astype(np.float64)


def _images(column: Any) -> torch.Tensor:
    """Pictures of one size as (N, C, H, W) uint8; a picture that is neither grey nor RGB becomes RGB."""
    arrays: list[np.ndarray] = []
    for i, picture in enumerate(column):
        array = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
        array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        if arrays and array.shape != arrays[0].shape:
            first = arrays[0].shape
            raise ConfigError(f"data.source: image {i} is {array.shape}, image 0 is {first}; one size is needed.")
        arrays.append(array)
    return torch.from_numpy(np.stack(arrays))
