"""The arrays in a batch of CIFAR-100-MH: flat images, and label records of a few bytes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Shape


def flat_images(images: Any, shape: Shape, path: Path) -> np.ndarray:
    """Images as bytes, (N, H * W * C).

    Args:
        images: One flat image per row: an array or a list of lists.
        shape: (C, H, W) of an image.
        path: The file, for the message.

    Raises:
        ConfigError: An image is of another length, or holds something else than whole numbers from 0 to 255.
    """
    length = int(np.prod(shape))
    if not isinstance(images, np.ndarray):
        odd = next((i for i, image in enumerate(images) if num_values(image) != length), None)
        if odd is not None:
            raise _inconsistent(path, odd, num_values(images[odd]), shape)
        images = np.asarray(images)
    images = images.reshape(len(images), -1)
    if images.shape[1] != length:
        raise _inconsistent(path, 0, images.shape[1], shape)
    found: np.ndarray | None = images.astype(np.uint8, copy=False) if images.dtype.kind in "uif" else None
    if found is None or not np.array_equal(found, images):
        raise ConfigError(f"{path}: images must be whole numbers from 0 to 255; they are {images.dtype}.")
    return found


def num_values(image: Any) -> int:
    """How many numbers a flat image has; 1 for what is none. Lists in lists are not followed: they may be endless."""
    if isinstance(image, np.ndarray):
        return int(image.size)
    if isinstance(image, bytes | bytearray):
        return 1
    is_flat = isinstance(image, list | tuple) and set(map(type, image)) <= {int, float}
    return len(image) if is_flat else 1


def _inconsistent(path: Path, sample: int, found: int, shape: Shape) -> ConfigError:
    channels, height, width = shape
    expected = f"{height * width * channels} = {height} x {width} x {channels}"
    return ConfigError(f"{path}: sample {sample} has an inconsistent image shape: expected {expected}, found {found}.")


def values_of(records: Sequence[Iterable[int]], path: Path) -> dict[int, np.ndarray]:
    """Parameter id to its values (N,), from one label record per image.

    A record is the number of parameters, then id and value of each of them: `[2, 0, 17, 1, 60]`.

    Raises:
        ConfigError: A record breaks that form, or has other parameters than the first one; the line says which.
    """
    rows = []
    ids: list[int] = []
    for i, record in enumerate(records):
        try:
            row = _bytes_of(record)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"{path}: the label record of sample {i} is not made of bytes.") from error
        problem = _problem(row)
        if problem:
            raise ConfigError(f"{path}: the label record of sample {i} {problem}.")
        ids = ids or list(row[1::2])
        if set(row[1::2]) != set(ids):
            raise ConfigError(f"{path}: sample {i} has parameters {list(row[1::2])}, sample 0 has {ids}.")
        pairs = dict(zip(row[1::2], row[2::2], strict=True))
        rows.append([pairs[key] for key in ids])
    table = np.array(rows, dtype=np.uint8)
    return {key: table[:, j] for j, key in enumerate(ids)}


def _bytes_of(record: Any) -> bytes:
    """The bytes of a record. Of a number, `bytes` would make as many zeros."""
    if isinstance(record, np.ndarray) and record.ndim == 1 and record.dtype.kind in "biuf":
        record = record.tolist()
    if not isinstance(record, bytes | bytearray | list | tuple):
        raise TypeError(record)
    return bytes(record)


def _problem(row: bytes) -> str | None:
    """What is wrong with a label record."""
    if not row:
        return "is too short: it is empty"
    num, needed = row[0], 1 + 2 * row[0]
    if num == 0:
        return "has no parameter"
    if len(row) < needed:
        return f"is insufficient for {num} heads: {len(row)} bytes of {needed}"
    if len(row) > needed:
        return f"has {len(row) - needed} bytes too many for {num} heads"
    return "names a parameter twice" if len(set(row[1::2])) < num else None
