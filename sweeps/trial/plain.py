"""Turns any value into what a line of JSON can hold; text stands for what is no plain value."""

import contextlib
import reprlib
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_MAX_INT = 10**300
_MAX_DEPTH = 20
"""Levels kept: a table may hold itself."""

_MAX_TEXT = 1000
"""Characters kept of the text of an object: that of a network may have thousands of lines."""


def plain(value: Any, depth: int = 0) -> Any:
    """The value with numbers, text, lists and tables only; never raises.

    >>> plain({"path": PurePath("a/b"), "sizes": {3}, 5: range(2), "kind": int})
    {'path': 'a/b', 'sizes': [3], '5': 'range(0, 2)', 'kind': "<class 'int'>"}
    """
    try:
        return _plain(value, depth)
    except Exception:  # of the value's own methods
        return shown(value)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, bool | None):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # without what a subclass adds
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _MAX_INT):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, PurePath):
        return str(value)
    return shown(value) if depth == _MAX_DEPTH else _container(_without_resolvers(value), depth + 1)


def _container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item, depth) for item in value), key=str)
    number = _number(value)
    return shown(value) if number is None else number


def _without_resolvers(value: Any) -> Any:
    """A configuration of OmegaConf's as plain containers, its interpolations as written: they may name secrets."""
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf is not None and omegaconf.OmegaConf.is_config(value):
        return omegaconf.OmegaConf.to_container(value, resolve=False)
    return value


def _number(value: Any) -> int | float | bool | None:
    """The number in an array or a tensor of one element."""
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        with contextlib.suppress(Exception):
            item = value.item()
            if isinstance(item, bool | int | float):
                return item
    return None


def _key(key: Any) -> str:
    return str.__str__(key) if isinstance(key, str) else str(_plain(key, _MAX_DEPTH))


def shown(value: Any, longest: int = _MAX_TEXT) -> str:
    """The text of any object, cut to so many characters; never raises."""
    try:
        text = reprlib.repr(value) if isinstance(value, list | tuple | set | frozenset | dict | int) else repr(value)
    except Exception:  # of the object's own __repr__
        return f"<{type(value).__name__}>"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
