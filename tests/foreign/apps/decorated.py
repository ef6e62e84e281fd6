"""A task below a decorator that changes what it returns; the decorator says whose name it takes."""

import functools
from pathlib import Path

import hydra


def negated(function):
    @functools.wraps(function)
    def wrapper(cfg):
        return -function(cfg)

    return wrapper


def noted(function):
    @functools.wraps(function)
    def wrapper(cfg):
        value = function(cfg)
        with Path("results.txt").open("a") as file:
            file.write(f"{cfg.x} {value}\n")
        return value

    return wrapper


@hydra.main(config_path=None, version_base=None)
@noted
@negated
def main(cfg):
    return float(cfg.x)


if __name__ == "__main__":
    main()
