"""Callables that are no function of a module, by the name in the environment variable TASK."""

import os
from dataclasses import dataclass
from pathlib import Path

import hydra


@dataclass
class Shift:
    by: float


def note(cfg, value):
    with Path("results.txt").open("a") as file:
        file.write(f"{cfg.x} {value}\n")
    return value


class Runner:
    start = Shift(1.0)

    def __init__(self, shift):
        self.shift = shift

    def __call__(self, cfg):
        return self.run(cfg)

    def run(self, cfg):
        assert isinstance(self.shift, Shift)
        return note(cfg, float(cfg.x) + self.shift.by)

    @classmethod
    def started(cls, cfg):
        return note(cfg, float(cfg.x) + cls.start.by)

    @staticmethod
    def fixed(cfg):
        return note(cfg, float(cfg.x) + 7)


def closure(shift):
    def task(cfg):
        assert isinstance(shift, Shift)
        return note(cfg, float(cfg.x) + shift.by)

    return task


TASKS = {
    "object": lambda: Runner(Shift(2.0)),
    "method": lambda: Runner(Shift(3.0)).run,
    "classmethod": lambda: Runner.started,
    "staticmethod": lambda: Runner.fixed,
    "closure": lambda: closure(Shift(4.0)),
    "lambda": lambda: lambda cfg: note(cfg, float(cfg.x) + 6),
}

if __name__ == "__main__":
    task = TASKS[os.environ["TASK"]]()
    hydra.main(config_path=None, version_base=None)(task)()
