"""A stranger's configuration made of dataclasses, frozen if `FROZEN` is set; no YAML file, no field of ours."""

import os
from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

IS_FROZEN = "FROZEN" in os.environ


@dataclass(frozen=IS_FROZEN)
class Optimizer:
    lr: float = 0.1


@dataclass(frozen=IS_FROZEN)
class Adam(Optimizer):
    lr: float = 0.01
    beta: float = 0.9


@dataclass(frozen=IS_FROZEN)
class Config:
    defaults: list[Any] = field(default_factory=lambda: [{"optimizer": "sgd"}, "_self_"])
    optimizer: Optimizer = MISSING
    width: int = 8


STORE = ConfigStore.instance()
STORE.store(name="config", node=Config)
STORE.store(group="optimizer", name="sgd", node=Optimizer)
STORE.store(group="optimizer", name="adam", node=Adam)


@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg: Config) -> float:
    assert OmegaConf.get_type(cfg).__name__ == "Config" and OmegaConf.is_readonly(cfg) is (True if IS_FROZEN else None)
    return cfg.optimizer.lr * 10 + cfg.width


if __name__ == "__main__":
    main()
