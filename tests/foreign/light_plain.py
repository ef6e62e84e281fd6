"""A stranger's function without a configuration file's groups; `VERSION_BASE` says which Hydra it was written for."""

import os
from pathlib import Path

import hydra
from omegaconf import DictConfig

CHOSEN = os.environ.get("VERSION_BASE", "1.3")


@hydra.main(version_base=None if CHOSEN == "None" else CHOSEN, config_path="light_conf", config_name="plain")
def main(cfg: DictConfig) -> float:
    Path("here.txt").write_text(str(cfg.lr))
    return (cfg.lr - 0.3) ** 2 + cfg.bias


if __name__ == "__main__":
    main()
