"""Reads pickles of strangers: arrays and plain containers, nothing that could run code."""

import io
import pickle
from pathlib import Path
from typing import Any

from trainer_pkg.errors import ConfigError

_ARRAYS = {
    "_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray"),
    "scalar": ("numpy.core.multiarray", "numpy._core.multiarray"),
    "_frombuffer": ("numpy.core.numeric", "numpy._core.numeric"),
    "ndarray": ("numpy",),
    "dtype": ("numpy",),
    "encode": ("_codecs",),  # bytes in an old protocol
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module not in _ARRAYS.get(name, ()):
            raise pickle.UnpicklingError(f"it holds {module}.{name}; only arrays and plain containers are read")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(path: Path) -> Any:
    """The content of a pickle of arrays, numbers, text, bytes, lists, tuples and dicts.

    Raises:
        ConfigError: The pickle holds something else, or is damaged.
    """
    try:
        return _Plain(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except Exception as error:  # a broken pickle may raise almost anything
        raise ConfigError(f"{path} is no pickle of arrays and plain containers: {str(error).rstrip('.')}.") from error
