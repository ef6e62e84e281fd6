"""Writes to W&B in its trial's folder, and raises what is swept."""

import hydra
import wandb
from hydra.utils import get_class

from sweeps import current_trial


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    wandb.init(project="p", dir=current_trial().directory)
    wandb.log({"loss": 1.0})
    if cfg.x:
        raise get_class(cfg.x if "." in cfg.x else f"builtins.{cfg.x}")("it raises")


if __name__ == "__main__":
    main()
