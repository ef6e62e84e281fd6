"""A plain function, written for the Hydra that VERSION_BASE names: up to 1.1 it runs in the directory of its job."""

import os
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_original_cwd

CHOSEN = os.environ.get("VERSION_BASE", "1.3")
ConfigStore.instance().store(name="config", node={"lr": 0.1, "text": "a=${lr}", "tags": ["x", 1, None]})


@hydra.main(version_base=None if CHOSEN == "None" else CHOSEN, config_path=None, config_name="config")
def main(cfg):
    job = HydraConfig.get().job
    is_inside = Path.cwd() == Path(HydraConfig.get().runtime.output_dir)
    value = (cfg.lr - 0.3) ** 2
    with Path(get_original_cwd(), "results.txt").open("a") as file:
        file.write(f"{job.num} {job.name} {job.override_dirname} {is_inside} {cfg.text} {cfg.tags} {value}\n")
    return value


if __name__ == "__main__":
    main()
