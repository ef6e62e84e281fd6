"""Values of overrides: as Hydra reads them, as they are written, and when two of them are equal."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString, Transformer
from hydra.errors import HydraException


@functools.lru_cache(maxsize=2**16)  # half a millisecond each; a study repeats few values in many points
def value_of(key: str, text: str) -> Any:
    """The value of an override as Hydra reads it, not to be changed; None for a deletion."""
    return None if key.startswith("~") else _parser().parse_override(f"{key}={text}").value()


def text_of(key: str, value: Any) -> str:
    """A value as an override has it; `choice('a&b', '1')` forgets that its texts were quoted."""
    if isinstance(value, list | tuple):
        return f"[{','.join(text_of(key, item) for item in value)}]"
    if not isinstance(value, str) or isinstance(value, QuotedString):
        return str(Transformer.str(value))
    with contextlib.suppress(HydraException):
        text = str(Transformer.str(value))
        if value_of(key, text) == value:
            return text
    return str(QuotedString(text=value, quote=Quote.single).with_quotes())


@functools.lru_cache(maxsize=2**16)
def leaves_of(key: str, text: str) -> tuple[tuple[str, str], ...]:
    """The override itself; of a mapping, an override for each value in it, by its dotted key."""
    value = value_of(key, text) if text.startswith("{") else None
    return tuple(_below(key, value)) if isinstance(value, dict) and value else ((key, text),)


def _below(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _below(f"{path}.{key}", item)
    else:
        yield path, text_of(path, value)


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
