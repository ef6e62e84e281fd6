"""The configuration that a checkpoint brings along: somebody else may have written it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from trainer_pkg.errors import ConfigError
from trainer_pkg.trusted import FROM_CHECKPOINTS, check_targets

_GROUPS = ("data", "model")
_PLACES = ("data.cache_dir", "data.source.root")
"""The data set may lie elsewhere than it did in training: these are always the user's."""

_REFERENCE = re.compile(r"\$\{(?:\.[\w.]+|(?:data|model|trainer)\.[\w.]+|paths\.data_dir|seed)\}")


def with_checkpoint_config(cfg: DictConfig, overrides: list[str]) -> DictConfig:
    """The configuration with data and model of the checkpoint, and with the user's overrides.

    Args:
        cfg: The composed configuration, with `ckpt_path`.
        overrides: What the user typed.

    Raises:
        ConfigError: There is no checkpoint, it cannot be read, or its configuration names what no checkpoint may name.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    path = _path_of(cfg)
    from trainer_pkg.checkpoint import load
    from trainer_pkg.record import plain_config

    stored = load(path).get("config", {})
    merged = cfg.copy()
    OmegaConf.set_struct(merged, False)
    found = {key: stored[key] for key in _GROUPS if isinstance(stored, Mapping) and key in stored}
    for key, value in found.items():
        if not isinstance(value, dict):
            raise ConfigError(f"ckpt_path={cfg.ckpt_path}: its configuration has no table {key}.")
    typed = [override.key_or_group for override in OverridesParser.create().parse_overrides(list(overrides))]
    keys = [key for key in (key.replace("/", ".") for key in typed) if key.split(".")[0] in found]
    theirs = OmegaConf.create(found)
    for key in [*keys, *(place for place in _PLACES if OmegaConf.select(theirs, place) is not None)]:
        OmegaConf.update(theirs, key, None, merge=False)  # what the user sets is the user's
    own = plain_config(cfg, keys=_GROUPS)
    check_parts(OmegaConf.to_container(theirs, resolve=False), own, f"ckpt_path={cfg.ckpt_path}")
    for key in found:
        merged[key] = found[key]
    if "data" in found:
        merged.data.cache_dir = cfg.data.cache_dir
        if OmegaConf.select(merged, "data.source.root") is not None:
            merged.data.source.root = cfg.paths.data_dir
    for key in keys:
        OmegaConf.update(merged, key, OmegaConf.select(cfg, key), merge=False)
    return merged


def _path_of(cfg: DictConfig) -> Path:
    if cfg.ckpt_path is None:
        raise ConfigError("ckpt_path=null: evaluate tests a checkpoint. ckpt_path=FILE names it.")
    return Path(cfg.ckpt_path)


def check_parts(config: Any, own: Any, where: str) -> None:
    """Refuse what only a user's own configuration may say, unless it says the same.

    Args:
        config: Parts of a configuration that somebody else may have written, plain, interpolations as written.
        own: The user's own, likewise.
        where: What holds the first, for the message.

    Raises:
        ConfigError: It names a constructor or a value that it may not.
    """
    try:
        check_targets(config, "", FROM_CHECKPOINTS)
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).lstrip('.')}") from error
    known = set(_texts(own, ""))
    for key, value in _texts(config, ""):
        # A resolver reads the environment, and other keys hold addresses: a checkpoint asks for neither.
        if "${" in _REFERENCE.sub("", value) and (key, value) not in known:
            raise ConfigError(
                f"{where}: {key.lstrip('.')}={value} is no value that a checkpoint may hold."
                f" Set it yourself: '{key.lstrip('.')}=...'."
            )


def _texts(config: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(config, dict):
        for key, value in config.items():
            yield from _texts(str(key), f"{path}.<key>")
            yield from _texts(value, f"{path}.{key}")
    elif isinstance(config, list):
        for index, value in enumerate(config):
            yield from _texts(value, f"{path}[{index}]")
    elif isinstance(config, str):
        yield path, config
