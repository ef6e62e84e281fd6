"""A task without a return, as most have."""

from pathlib import Path

import hydra


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x}\n")


if __name__ == "__main__":
    main()
