"""A configuration made of dataclasses of the script, which the task wants back."""

from dataclasses import dataclass, field
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


@dataclass
class Optimizer:
    lr: float = 0.1


@dataclass
class Config:
    x: float = 0.0
    optimizer: Optimizer = field(default_factory=Optimizer)


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(config_path=None, config_name="config", version_base=None)
def main(cfg):
    own = OmegaConf.to_object(cfg)
    assert isinstance(own, Config) and isinstance(own.optimizer, Optimizer)
    value = own.x + own.optimizer.lr
    with Path("results.txt").open("a") as file:
        file.write(f"{own.x} {value}\n")
    return value


if __name__ == "__main__":
    main()
