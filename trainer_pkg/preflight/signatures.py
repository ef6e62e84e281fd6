"""Compares a configuration with the constructors it names: the signature is the schema."""

import contextlib
import inspect
import logging
import typing
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any

from hydra.utils import get_object

from trainer_pkg.errors import ConfigError, did_you_mean

_NOT_ARGUMENTS = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
_SCALARS = (int, float, bool, NoneType)


def check_signatures(config: Any, path: str = "") -> None:
    """Compare every `_target_` in a resolved, plain configuration with its arguments.

    Args:
        config: A plain dict, list or value.
        path: Its dotted key, for the message.

    Raises:
        ConfigError: An argument does not exist, or text stands where only a number or a switch can.
    """
    if isinstance(config, Mapping):
        if isinstance(config.get("_target_"), str):
            _check_call(config, path)
        for key, value in config.items():
            check_signatures(value, f"{path}.{key}".lstrip("."))
    elif isinstance(config, list):
        for index, value in enumerate(config):
            check_signatures(value, f"{path}[{index}]")


def options_of(target: str) -> list[str]:
    """The arguments of a trusted constructor, to import which is to run it; empty: it has no signature."""
    try:
        with _quiet():
            return list(inspect.signature(get_object(target)).parameters)
    except Exception:  # the name is wrong, or the constructor is written in C
        return []


def _check_call(config: Mapping[str, Any], path: str) -> None:
    try:
        with _quiet():
            target = get_object(config["_target_"])
        parameters = inspect.signature(target).parameters
    except Exception as error:  # the name is wrong, or the constructor is written in C and has no signature
        if isinstance(error, ValueError | TypeError):
            return
        raise ConfigError(f"{path}._target_={config['_target_']} cannot be imported.") from error
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key, value in config.items():
        if key in _NOT_ARGUMENTS:
            continue
        if key in parameters:
            _check_value(f"{path}.{key}", value, _accepted(target, key))
        elif not takes_any:
            known = did_you_mean(key, [name for name in parameters if name != "self"])
            raise ConfigError(f"{path}.{key} is no argument of {config['_target_']}. Known: {known}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Hydra from logging what it also raises."""
    logger = logging.getLogger("hydra.utils")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was_disabled


def _check_value(path: str, value: Any, accepted: set[Any]) -> None:
    if accepted and accepted <= set(_SCALARS) and not _fits(value, accepted):
        names = sorted(kind.__name__ for kind in accepted if kind is not NoneType)
        raise ConfigError(f"{path}={value} must be of type {' or '.join(names)}.")


def _fits(value: Any, accepted: set[Any]) -> bool:
    """Whether a plain value can stand for one of these scalar types."""
    if isinstance(value, float):
        return float in accepted
    # Only the constructor knows what null means to it; an int counts as a float.
    return value is None or isinstance(value, int)


def _accepted(target: Any, key: str) -> set[Any]:
    """The types that an argument takes; empty: its annotation does not say."""
    called = target.__init__ if inspect.isclass(target) else target
    try:
        hint = typing.get_type_hints(called).get(key)
    except (NameError, TypeError):
        return set()
    return set(_members(hint)) if hint is not None else set()


def _members(hint: Any) -> Iterator[Any]:
    if typing.get_origin(hint) in (typing.Union, UnionType):
        for member in typing.get_args(hint):
            # A configuration cannot hold a tensor.
            if getattr(member, "__name__", "") != "Tensor":
                yield from _members(member)
    else:
        yield hint
