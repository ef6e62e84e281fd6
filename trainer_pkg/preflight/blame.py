"""Finds the key of the value that a constructor refuses."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.errors import ConfigError, first_line

STUMBLES = (LookupError, ArithmeticError, AssertionError, AttributeError)
"""Errors of a constructor that does not look at its arguments first: a list too short, a period of zero."""


@contextlib.contextmanager
def naming_the_key(cfg: DictConfig, *keys: str, kinds: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn a constructor's refusal into one line with the key of the value that it refuses.

    Args:
        cfg: The configuration.
        keys: Keys to search. If exactly one value below them appears in the message, its full key is named; otherwise
            all of `keys`.
        kinds: Errors that are the user's, beside ValueError, TypeError and Lightning's own. Those of an application's
            own code are better shown whole.

    Raises:
        ConfigError: In place of an error of one of these kinds.
    """
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    try:
        yield
    except Exception as error:
        cause = (error.__cause__ or error) if isinstance(error, InstantiationException) else error
        if not isinstance(cause, (ValueError, TypeError, MisconfigurationException, *kinds)):
            raise
        text = first_line(cause)
        found = _keys_of_values_in(text, cfg, keys)
        if isinstance(cause, KeyError):  # it says the key alone
            text = f"KeyError: {text}"
        raise ConfigError(f"{found.pop() if len(found) == 1 else ', '.join(keys)}: {text}") from error


def _keys_of_values_in(text: str, cfg: DictConfig, keys: Sequence[str]) -> set[str]:
    """`key=value` of every value below the keys that is one of the words of a text."""
    words = re.split(r"[\s,;:='\"()]+|\.(?:\s|$)", text)
    return {
        f"{path}={value}"
        for key in keys
        for path, value in _leaves(OmegaConf.select(cfg, key), key)
        if str(value) in words
    }


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Path and value of every plain value at or below a node."""
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _leaves(value, f"{path}[{index}]")
    elif node is not None and not isinstance(node, bool):
        yield path, node
