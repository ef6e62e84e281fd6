"""Reads what is set below `if __name__ == "__main__"`: names, a changed table, a function, an import."""

from pathlib import Path

import hydra

SCALE = 1
TABLE = {"shift": 0}


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    value = SCALE * float(cfg.x) + TABLE["shift"] + own() + mathematics.floor(0.5)
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x} {value}\n")
    return value


def configure():
    global SCALE
    SCALE = 10


if __name__ == "__main__":
    import math as mathematics

    def own():
        return 0.25

    configure()
    TABLE["shift"] = 1000
    main()
