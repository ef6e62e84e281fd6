"""What a task has returned, as a message can hold it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.redact import text
from sweeps.trial.plain import shown

_MOST_ENTRIES = 1000
"""Entries of a list or a table that are sent; what is longer is no result, such as the predictions of a network."""

_LONGEST_TEXT = 200


def sendable(value: Any) -> Any:
    """Numbers, also those in arrays and tensors, lists and tables of numbers, and text for the rest."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping) and len(value) <= _MOST_ENTRIES:
        return {text(str(name)): sendable(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes) and len(value) <= _MOST_ENTRIES:
        return [sendable(item) for item in value]
    if _num_entries(value) <= _MOST_ENTRIES:
        return sendable(value.tolist())  # of numpy, torch, jax, pandas
    try:
        return float(value)
    except Exception:  # of whatever a task returns
        return text(shown(value, _LONGEST_TEXT))


def _num_entries(value: Any) -> float:
    """How many numbers an array or a tensor holds; infinite for what is neither."""
    shape = getattr(value, "shape", None)
    is_array = isinstance(shape, tuple) and hasattr(value, "tolist") and all(isinstance(size, int) for size in shape)
    return math.prod(shape) if is_array and shape is not None else math.inf
