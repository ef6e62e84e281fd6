"""`evaluate`: test a checkpoint, with the configuration it was trained with."""

from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.command import one_line_errors
from trainer_pkg.config_folder import config_dir
from trainer_pkg.models import register_models
from trainer_pkg.trusted import WHITELIST

register_models()


@one_line_errors
@hydra.main(config_path=config_dir(), config_name="evaluate", execution_whitelist=WHITELIST)
def main(cfg: DictConfig) -> Any:
    """Test one checkpoint and print its metrics."""
    from trainer_pkg.run import run

    return run(with_checkpoint_config(cfg, HydraConfig.get().overrides.task))


def with_checkpoint_config(cfg: DictConfig, overrides: list[str]) -> DictConfig:
    """The configuration with data and model of the checkpoint, and with the user's overrides.

    Args:
        cfg: The composed configuration, with `ckpt_path`.
        overrides: What the user typed.

    Raises:
        ConfigError: The checkpoint cannot be read.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from trainer_pkg.checkpoint import load

    stored = load(Path(cfg.ckpt_path)).get("config", {})
    merged = cfg.copy()
    OmegaConf.set_struct(merged, False)
    for key in ("data", "model"):
        if key in stored:
            merged[key] = stored[key]
    if "data" in stored:  # the data set may lie elsewhere than it did in training
        merged.data.cache_dir = cfg.data.cache_dir
        if "root" in merged.data.source:
            merged.data.source.root = cfg.paths.data_dir
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.key_or_group.replace("/", ".")
        if key.split(".")[0] in ("data", "model"):
            OmegaConf.update(merged, key, OmegaConf.select(cfg, key), merge=False)
    return merged


if __name__ == "__main__":
    main()
