"""Values of overrides: as Hydra reads them, and when two of them are equal."""

import functools
import hashlib
import json
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser


@functools.lru_cache(maxsize=2**16)  # half a millisecond each; a study repeats few values in many points
def value_of(key: str, text: str) -> Any:
    """The value of an override as Hydra reads it, not to be changed; None for a deletion."""
    return None if key.startswith("~") else _parser().parse_override(f"{key}={text}").value()


@functools.cache
def _parser() -> OverridesParser:
    return OverridesParser.create()  # looks up the signatures of all its functions


def canonical(key: str, text: str) -> Any:
    """The value as plain data, with whole floats as integers: equal for `1`, `1.0` and `1e0`."""
    return _plain(value_of(key, text))


def typed(value: Any) -> str:
    """The value as JSON: equal for `.5` and `5e-1`, different for `1`, `1.0`, `'1'` and `true`."""
    return json.dumps(_named(value), sort_keys=True, default=lambda other: [type(other).__qualname__, str(other)])


def digest(value: Any) -> str:
    """A short stable hash of plain values."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _named(value: Any) -> Any:
    """The same value with texts for the keys of its mappings: JSON would take the key 1 for "1"."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else f"{key!r} ": _named(item) for key, item in value.items()}
    return [_named(item) for item in value] if isinstance(value, list | tuple) else value
