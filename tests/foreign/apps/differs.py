"""Notes what is not the same in a study: module, state of the process, directory. One of its jobs fails."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

JOBS = []


@hydra.main(version_base=None, config_path=None)
def main(cfg):
    JOBS.append(cfg.x)
    directory = Path(HydraConfig.get().runtime.output_dir).relative_to(Path.cwd())
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x} {__name__} {len(JOBS)} {directory.parts[0]} {directory.name}\n")
    if cfg.x == 2:
        raise ValueError("two")


if __name__ == "__main__":
    main()
