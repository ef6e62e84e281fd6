"""What the groups of samplers and pruners say in a composed configuration, ours and those of Hydra's own sweeper."""

from collections.abc import Mapping
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from sweeps.choices import NAMED, resolved
from sweeps.errors import StudyError

_STOCK_GROUP = "hydra/sweeper/sampler"


def set_alone(config: DictConfig, sampler: Any) -> Any:
    """The sampler under `hydra.sweeper` with the options that somebody has set, and no others.

    An option of Hydra's group lists every argument with a value of its own, which is not always Optuna's: its TPE is
    not multivariate, Optuna's is since version 5. What nobody has set is left to Optuna.

    Args:
        config: A composed configuration.
        sampler: What stands there.
    """
    name = (OmegaConf.select(config, "hydra.runtime.choices") or {}).get(_STOCK_GROUP)
    if not isinstance(sampler, dict) or name is None:
        return sampler
    usual = _usual(str(name))
    if sampler.get("_target_") != usual.get("_target_"):
        return sampler  # ours, or one that replaces what the group has said
    typed = {text.partition("=")[0].lstrip("+") for text in OmegaConf.select(config, "hydra.overrides.hydra") or ()}
    kept = {
        key: value
        for key, value in sampler.items()
        if key not in usual or value != usual[key] or f"hydra.sweeper.sampler.{key}" in typed
    }
    # Some of its targets are functions of that sweeper, which fill in what differs between versions of Optuna.
    return {**kept, "_target_": str(name)}


def check_groups(config: DictConfig, key: str | None, found: Mapping[str, Any]) -> None:
    """Refuse a choice of a group that something later in the configuration replaces: it would be ignored.

    Args:
        config: A composed configuration.
        key: Where the settings are; None: in `hydra.sweeper` alone.
        found: `sampler` and `pruner`, to what the study is going to use, as `resolved` gives it.

    Raises:
        StudyError: With both.
    """
    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    for kind, used in found.items():
        for group in (*([f"{key.replace('.', '/')}/{kind}"] if key else []), f"hydra/sweeper/{kind}"):
            name = choices.get(group)
            if name in NAMED[kind] and _target(resolved(kind, str(name))) != _target(used):
                raise StudyError(
                    f"{group}={name} chooses a {kind}, and study.{kind}={told(kind, used)} another one."
                    " Leave one of them out."
                )


def told(kind: str, used: Any) -> str:
    """A setting as it is typed: a sampler or pruner by its name, where it has one."""
    target = _target(used)
    if target is None:
        return "null"
    return next((name for name, node in NAMED.get(kind, {}).items() if node["_target_"] == target), str(target))


def _target(used: Any) -> Any:
    return used.get("_target_") if isinstance(used, dict) else used


def _usual(name: str) -> Mapping[str, Any]:
    """An option of Hydra's group as its sweeper brings it; empty where that is not installed."""
    try:
        node = ConfigStore.instance().load(f"{_STOCK_GROUP}/{name}.yaml").node
    except OSError:  # Hydra's ConfigLoadError
        return {}
    plain = OmegaConf.to_container(node, throw_on_missing=False)
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}
