"""Reads pickles of strangers: arrays and plain containers, nothing that could run code.

Numpy's own functions for pickles believe what a pickle says of an array; a forged one ends the process. So none of them
is called: arrays are built here, of numbers alone, from as many bytes as their shape needs.
"""

import contextlib
import io
import math
import pickle
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from trainer_pkg.errors import ConfigError

_CORE = ("numpy.core", "numpy._core")
_SPARE_BYTES, _BYTES_PER_BYTE = 2**30, 64
"""Memory that reading may take: so much, and so much for each byte of the file; a byte can make an empty list."""


def read_pickle(path: Path) -> Any:
    """The content of a pickle of arrays, numbers, text, bytes, lists, tuples and dicts.

    Raises:
        ConfigError: The pickle holds something else, is damaged, or asks for far more memory than it has bytes.
    """
    try:
        content = path.read_bytes()
        with _limited_memory(_SPARE_BYTES + _BYTES_PER_BYTE * len(content)):
            return _Plain(content).load()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except Exception as error:  # a broken pickle may raise almost anything
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ConfigError(f"{path} is no pickle of arrays and plain containers: {reason}.") from error


class _Plain(pickle.Unpickler):
    """An unpickler whose only functions are ours."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._bytes_left = len(content)  # an array's bytes stand in the file; a file may name the same ones often
        self._known = {
            "_codecs.encode": _Function(_encode),  # bytes in an old protocol; empty ones in the next two
            "__builtin__.bytes": _Function(_no_bytes),
            "builtins.bytes": _Function(_no_bytes),
            "numpy.dtype": _Function(_NumberType),
            "numpy.ndarray": _NDARRAY,
            **{f"{core}.multiarray._reconstruct": _Function(self._empty) for core in _CORE},
            **{f"{core}.multiarray.scalar": _Function(self._scalar) for core in _CORE},
            **{f"{core}.numeric._frombuffer": _Function(self._from_buffer) for core in _CORE},
        }

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in self._known or "." in name:
            raise pickle.UnpicklingError(f"it holds {module}.{name}; only arrays and plain containers are read")
        return self._known[f"{module}.{name}"]

    def _empty(self, kind: object, shape: object, dtype: object) -> "_Array":
        if kind is not _NDARRAY:
            raise pickle.UnpicklingError("arrays of a kind of their own are not read")
        made = _Array(0, np.uint8)
        made.read = self.numbers
        return made

    def _scalar(self, dtype: object, raw: object) -> Any:
        return self.numbers(raw, dtype, (), "C")[()]

    def _from_buffer(self, raw: object, dtype: object, shape: object, order: object) -> np.ndarray:
        return self.numbers(raw, dtype, shape, order)

    def numbers(self, raw: object, dtype: object, shape: object, order: object) -> np.ndarray:
        """An array of these bytes, (shape)."""
        if isinstance(raw, str):
            raw = raw.encode("latin1")
        if not isinstance(dtype, _NumberType) or not isinstance(raw, bytes | bytearray):
            raise pickle.UnpicklingError("an array must be made of bytes and of a type of numbers")
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            raise pickle.UnpicklingError("a shape must be made of whole numbers")
        if len(shape) > 8 or math.prod(shape) * dtype.found.itemsize != len(raw):
            raise pickle.UnpicklingError(f"{len(raw)} bytes are no array of {shape} {dtype.found}")
        self._bytes_left -= len(raw)
        if self._bytes_left < 0:
            raise pickle.UnpicklingError("its arrays are larger than the file")
        flat = np.frombuffer(bytes(raw), dtype.found).copy()
        return flat.reshape(shape, order="F" if order == "F" else "C")


class _Array(np.ndarray):
    """An array that is filled later, as pickles of numpy have it."""

    read: Callable[..., np.ndarray]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """As any array: who pickles what was read, pickles nothing of ours."""
        return self.view(np.ndarray).__reduce_ex__(protocol)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("the state of an array has five parts")
        _, shape, dtype, is_fortran, raw = state
        found = self.read(raw, dtype, shape, "F" if is_fortran is True else "C")
        del self.read
        super().__setstate__((1, found.shape, found.dtype, False, found.tobytes()))  # type: ignore[arg-type]


class _NumberType:
    """The type of an array's numbers: whole ones, switches or floats, and nothing that points elsewhere."""

    def __init__(self, name: object, *flags: object) -> None:
        match = re.fullmatch(r"([<>|=]?)(b1|[iu][1248]|f[248])", name) if isinstance(name, str) else None
        if match is None:
            raise pickle.UnpicklingError(f"arrays of {str(name)[:20]!r} are not read; arrays of numbers are")
        self.found = np.dtype(f"{match[1] or '='}{match[2]}")

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):  # type: ignore[index]
            raise pickle.UnpicklingError("an array of records is not read; arrays of numbers are")
        self.found = np.dtype(f"{order}{self.found.str[1:]}")


class _Function:
    """A function that a pickle may call, and that it cannot change."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: object) -> None:
        _refuse()

    def __setstate__(self, state: object) -> None:
        _refuse()


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes are written as latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _refuse(*args: object) -> None:
    raise pickle.UnpicklingError("it sets what no pickle of arrays sets")


_NDARRAY = _Function(_refuse)
"""The argument of `_reconstruct`; nothing calls it."""


@contextlib.contextmanager
def _limited_memory(num_bytes: int) -> Iterator[None]:
    """Let this process grow by no more than so much: a few bytes of a pickle can ask for any amount."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + num_bytes
    is_set = False
    with contextlib.suppress(ValueError, OSError):  # a system without such a limit, or with a smaller one
        if soft == resource.RLIM_INFINITY or limit < soft:
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
            is_set = True
    try:
        yield
    finally:
        if is_set:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
