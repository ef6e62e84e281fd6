"""Finds the format of the files of a multihead data set, and refuses what it does not know."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from trainer_pkg.data.byte_records import num_values
from trainer_pkg.data.cifar100mh import CIFAR100MH, FORMAT, INFO
from trainer_pkg.data.pickles import read_pickle
from trainer_pkg.data.source import Columns, Source
from trainer_pkg.data.tensors import TensorFile
from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import DataSpec, Shape

_INFOS = (INFO, "dataset_info.json", "metadata.json", "format.json")
_SHAPES: dict[int, Shape] = {784: (1, 28, 28), 3072: (3, 32, 32)}


class MultiheadFiles:
    """A data set in files, of any format that is known here.

    A directory holds `train_batch` and `test_batch`. They are described by the first JSON file that exists among
    `cifar100mh_dataset_info`, `dataset_info`, `metadata` and `format`, or by none. A single file is a file of tensors
    (`.pt`), or a pickle; the length of a pickle's images tells whether they are 28 x 28 x 1 or 32 x 32 x 3.

    Args:
        path: The directory or the file.
        test_path: The test split, if `path` is a single pickle.

    Raises:
        ConfigError: The files are of no known format; the line says what was looked for.

    Example:
        `data=multihead_files data.source.path=my_set.pt`

        >>> import torch
        >>> from trainer_pkg.data.tensors import write
        >>> from trainer_pkg.spec import Categorical
        >>> spec = DataSpec(input_shape=(1, 8, 8), targets={"side": Categorical(num_classes=2)})
        >>> columns = {"image": torch.zeros(4, 1, 8, 8, dtype=torch.uint8), "side": torch.tensor([0, 1, 1, 0])}
        >>> write(Path("my_set.pt"), spec, {"train": columns, "test": columns})
        >>> MultiheadFiles("my_set.pt").load()["train"]["side"]
        tensor([0, 1, 1, 0])
    """

    def __init__(self, path: str | Path, test_path: str | Path | None = None) -> None:
        where = Path(path)
        if not where.exists():
            raise ConfigError(f"data.source.path={path}: dataset path not found.")
        if test_path is not None and (where.is_dir() or not Path(test_path).is_file()):
            raise ConfigError(f"data.source.test_path={test_path} must be a file, beside a path that is one.")
        self._source: Source = _directory(where) if where.is_dir() else _file(where, test_path)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def spec(self) -> DataSpec:
        return self._source.spec

    def load(self) -> dict[str, Columns]:
        return self._source.load()


def _directory(folder: Path) -> Source:
    files = {split: folder / f"{split}_batch" for split in ("train", "test")}
    absent = [path.name for path in files.values() if not path.is_file()]
    if absent:
        raise ConfigError(f"data.source.path={folder} has no {' and no '.join(absent)}: no data found.")
    path = next((folder / name for name in _INFOS if (folder / name).is_file()), None)
    return CIFAR100MH(files, _info(path) if path else None)


def _info(path: Path) -> dict[str, Any]:
    """The content of a JSON file, checked.

    Raises:
        ConfigError: The file is broken, or describes another format.
    """
    try:
        info = json.loads(path.read_text())
        if not isinstance(info, dict):
            raise ValueError("it is not a table")
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: failed to load metadata: {error}.") from error
    _check_format(path, info)
    encoding = info.get("label_encoding", {"format": ""})
    if not isinstance(encoding, dict) or "format" not in encoding:
        raise ConfigError(f"{path}: missing required field in format config: label_encoding.format.")
    names, mappings = info.get("parameter_names", []), info.get("parameter_mappings", {})
    if not isinstance(names, list) or len(set(map(str, names))) < len(names):
        raise ConfigError(f"{path}: parameter_names must be a list of different names.")
    if not isinstance(mappings, dict) or not all(isinstance(mapping, dict) for mapping in mappings.values()):
        raise ConfigError(f"{path}: parameter_mappings must be a table of tables with min and max.")
    return info


def _check_format(path: Path, info: dict[str, Any]) -> None:
    for field in ("format", *(("label_encoding",) if path.name == "format.json" else ())):
        if field not in info:
            raise ConfigError(f"{path}: missing required field in format config: {field}.")
    found = info["format"]
    if found != FORMAT:
        raise ConfigError(f"{path}: format {found} is unknown. Known: {did_you_mean(found, [FORMAT])}")


def _file(path: Path, test_path: str | Path | None) -> Source:
    if path.suffix == ".pt":
        return TensorFile(path)
    batch = read_pickle(path)
    images: Any = batch.get("data") if isinstance(batch, dict) else None
    if isinstance(images, np.ndarray):
        images = list(images[:1]) if images.ndim else None
    if not isinstance(images, list | tuple) or not images:
        raise ConfigError(f"{path} must contain the key 'data', with images.")
    length = num_values(images[0])
    if length not in _SHAPES:
        lengths = " or ".join(f"{n} ({h}x{w}x{c})" for n, (c, h, w) in _SHAPES.items())
        raise ConfigError(f"{path}: images of {length} values are of unknown shape; {lengths} is known.")
    if test_path is None:
        raise ConfigError(f"{path} is a single file, without a test split: set data.source.test_path.")
    return CIFAR100MH({"train": path, "test": Path(test_path)}, shape=_SHAPES[length])
