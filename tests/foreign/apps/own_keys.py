"""An application that has its own `paths`, `study`, `tracking` and `seed`."""

from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore

OWN = {
    "paths": {"dataset": "a"},
    "study": {"cohort": 7, "site": "north"},
    "tracking": {"backend": "files"},
    "seed": [1, 2],
}
ConfigStore.instance().store(name="config", node=OWN)


@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg):
    value = len(cfg.paths.dataset) + cfg.study.cohort + sum(cfg.seed)
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg} {value}\n")
    return value


if __name__ == "__main__":
    main()
