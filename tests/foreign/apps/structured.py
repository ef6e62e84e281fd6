"""A configuration made of dataclasses of the script, which the task wants back."""

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import ClassVar

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


@dataclass
class Optimizer:
    lr: float = 0.1
    _: KW_ONLY
    betas: ClassVar[tuple[float, ...]] = (0.9, 0.99)
    momentum: float = 0.9


@dataclass
class Config:
    x: float = 0.0
    optimizer: Optimizer = field(default_factory=Optimizer)


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(config_path=None, config_name="config", version_base=None)
def main(cfg):
    own = OmegaConf.to_object(cfg)
    assert type(own) is OmegaConf.get_type(cfg) is Config and isinstance(own.optimizer, Optimizer)
    assert isinstance(OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), cfg)), Config)
    value = own.x + own.optimizer.lr
    with Path("results.txt").open("a") as file:
        file.write(f"{own.x} {value}\n")
    return value


if __name__ == "__main__":
    main()
