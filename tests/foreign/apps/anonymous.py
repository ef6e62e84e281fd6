"""Decorators that take nobody's name: above and below Hydra's."""

from pathlib import Path

import hydra


def noted(function):
    def wrapper(cfg):
        value = 100 + function(cfg)
        with Path("results.txt").open("a") as file:
            file.write(f"{cfg.x} {value}\n")
        return value

    return wrapper


def quietly(function):
    def wrapper():
        return function()

    return wrapper


@quietly
@hydra.main(config_path=None, version_base=None)
@noted
def main(cfg):
    return float(cfg.x)


if __name__ == "__main__":
    main()
