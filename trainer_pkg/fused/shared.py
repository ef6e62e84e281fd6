"""What trials of one process have in common, made once."""

import json
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from trainer_pkg.data import DataModule

_made: dict[str, tuple[str, Any]] = {}


def once(what: str, key: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, or what it gave for this key last time; of each `what` the last one is kept."""
    if _made.get(what, (None,))[0] != key:
        _made[what] = (key, make())
    return _made[what][1]


def data_of(cfg: DictConfig, make: Callable[[DictConfig], DataModule]) -> DataModule:
    """The data module of a configuration; of data that differs in the order of its rows, nothing is made twice.

    Args:
        cfg: The configuration.
        make: Builds a data module.
    """
    plain: Any = OmegaConf.to_container(cfg.data, resolve=True)
    seed = plain.pop("shuffle_seed", None)

    def made() -> DataModule:
        data = make(cfg)
        data.setup()
        return data

    first: DataModule = once("data", json.dumps(plain, default=str, sort_keys=True), made)
    return first.again(seed)
