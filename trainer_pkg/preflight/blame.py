"""Says which key of a configuration a constructor means when it refuses a value."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.errors import ConfigError


@contextlib.contextmanager
def blaming(cfg: DictConfig, *keys: str, kinds: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn a constructor's refusal into one line with its key.

    Args:
        cfg: The configuration.
        keys: Below which of its keys the value must stand. Where one value there is what the message speaks of, its
            full key is named, else these.
        kinds: Errors that are the user's, beside the usual ones.

    Raises:
        ConfigError: In place of such an error.
    """
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    try:
        yield
    except Exception as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if isinstance(cause, (ValueError, TypeError, MisconfigurationException, *kinds)):
            text = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
            meant = {
                f"{path}={value}"
                for key in keys
                for path, value in _leaves(OmegaConf.select(cfg, key), key)
                if str(value) in re.split(r"[\s,;:='\"()]+|\.(?:\s|$)", text)
            }
            raise ConfigError(f"{meant.pop() if len(meant) == 1 else ', '.join(keys)}: {text}") from error
        raise


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
