"""Copies of configurations, made fast while Hydra prepares a job: it makes five of each.

OmegaConf copies a configuration node by node, in Python. Reading it from a pickle gives the same six times faster.
"""

import contextlib
import copy
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from hydra.core import utils as hydra_utils
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

_set_config = HydraConfig.set_config


def hasten_hydra() -> None:
    """Let Hydra make its copies of a job's configuration this way, in this process; the task's own copies stay."""
    hydra_utils.copy = SimpleNamespace(deepcopy=_copy_for_task)  # type: ignore[attr-defined, assignment]
    HydraConfig.set_config = _set_config_fast  # type: ignore[method-assign]


def _set_config_fast(self: HydraConfig, cfg: DictConfig) -> None:
    """Copies Hydra's part of the configuration once, when its job has a folder; Hydra does so at each call.

    Until then `HydraConfig` has the part itself, below a root of its own: only Hydra looks there so early.
    """
    node = cfg._get_node("hydra")
    if not isinstance(node, DictConfig) or not OmegaConf.is_missing(node.runtime, "output_dir"):
        with _quick_copies():
            _set_config(self, cfg)
        return
    OmegaConf.set_readonly(node, True)
    root = DictConfig({})
    root.__dict__["_content"]["hydra"] = node
    self.cfg = root  # type: ignore[assignment]


def _deepcopy(thing: Any) -> Any:
    with _quick_copies():
        return copy.deepcopy(thing)


def _copy_for_task(config: Any) -> Any:
    """Hydra's copies of a job's configuration: for its task, from which its own part is taken out at once, and of that.

    The second is of the copy that `HydraConfig` has, which nobody may change; Hydra reads it and writes it to a file.
    """
    if config is HydraConfig.instance().cfg:
        return config
    own = config.__dict__["_content"].get("hydra") if isinstance(config, DictConfig) and len(config) > 1 else None
    if not isinstance(own, DictConfig):
        return _deepcopy(config)
    config.__dict__["_content"]["hydra"] = DictConfig({}, parent=config, key="hydra")
    try:
        return _deepcopy(config)
    finally:
        config.__dict__["_content"]["hydra"] = own


@contextlib.contextmanager
def _quick_copies() -> Iterator[None]:
    copiers: dict[Any, Any] = copy._deepcopy_dispatch  # type: ignore[attr-defined]
    copiers[DictConfig] = _copied
    try:
        yield
    finally:
        del copiers[DictConfig]


def _copied(config: DictConfig, memo: dict[int, Any]) -> DictConfig:
    """What `DictConfig.__deepcopy__` returns: the parent is kept, not copied."""
    parent = config.__dict__["_parent"]
    config.__dict__["_parent"] = None
    try:
        made: DictConfig = pickle.loads(pickle.dumps(config))
    except Exception:  # it holds what cannot be pickled
        made = config.__deepcopy__(memo)
    finally:
        config.__dict__["_parent"] = parent
    made.__dict__["_parent"] = parent
    return made
