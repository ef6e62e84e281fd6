"""Builds what a plain configuration names without Hydra, where that comes to the same."""

import functools
from collections.abc import Mapping
from typing import Any

from hydra.utils import get_object
from omegaconf import OmegaConf

from trainer_pkg.trusted import is_shipped


class Unusual(Exception):
    """Something in a configuration is Hydra's to interpret."""


def construct(plain: Any, **kwargs: Any) -> Any:
    """What `hydra.utils.instantiate` gives, which copies and parses a configuration many times.

    Only classes that this application ships or documents are constructed: those that its whitelist names one by one.

    Args:
        plain: Plain containers with a `_target_`, resolved.
        kwargs: Further arguments of its constructor.

    Raises:
        Unusual: It has a key of Hydra's beside `_target_` and `_partial_`, another class, or a value that is missing.
        Exception: A constructor refuses its arguments.

    Example:
        >>> construct({"_target_": "torch.nn.Linear", "in_features": 2}, out_features=1)
        Linear(in_features=2, out_features=1, bias=True)
    """
    if not isinstance(plain, Mapping) or "_target_" not in plain:
        raise Unusual("no _target_")
    return _built(plain, kwargs)


def _built(value: Any, kwargs: Mapping[str, Any] | None = None) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return _called(value, kwargs or {})
        _check_keys(value, ())
        table = OmegaConf.create({}, flags={"allow_objects": True})
        for key, item in value.items():
            table[key] = _built(item)
        return table
    if isinstance(value, list):
        return OmegaConf.create([_built(item) for item in value], flags={"allow_objects": True})
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and _is_text(value)):
        return value
    raise Unusual(repr(value))


def _called(node: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Any:
    _check_keys(node, ("_target_", "_partial_"))
    name, is_partial = node["_target_"], node.get("_partial_", False)
    if not isinstance(name, str) or not is_shipped(name) or not isinstance(is_partial, bool):
        raise Unusual(str(name))
    kind = get_object(name)
    if not isinstance(kind, type):
        raise Unusual(f"{name} is no class")
    arguments = {key: _built(item) for key, item in node.items() if key[0] != "_" and key not in kwargs}
    return functools.partial(kind, **arguments, **kwargs) if is_partial else kind(**arguments, **kwargs)


def _check_keys(node: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for key in node:
        if not isinstance(key, str) or not key or (key.startswith("_") and key not in known):
            raise Unusual(str(key))


def _is_text(value: str) -> bool:
    """Whether it stands for itself."""
    return value != "???" and "${" not in value
