"""Starts Hydra without asking for its name, as a notebook or a small script does."""

from dataclasses import dataclass
from pathlib import Path

import hydra

with Path("imports.txt").open("a") as file:
    file.write("imported\n")


@dataclass
class Shift:
    by: float = 0.5


SHIFT = Shift()


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    assert isinstance(SHIFT, Shift)
    value = float(cfg.x) + SHIFT.by
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x} {value}\n")
    return value


main()
