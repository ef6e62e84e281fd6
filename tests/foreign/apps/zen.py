"""An application of hydra-zen: the signature of its task is its configuration."""

from dataclasses import dataclass
from pathlib import Path

from hydra_zen import builds, store, zen


@dataclass
class Schedule:
    start: float
    factor: float = 0.5

    def at(self, epoch):
        return self.start * self.factor**epoch


@store(name="config", schedule=builds(Schedule, start=1.0, populate_full_signature=True))
def task(schedule: Schedule, epochs: int = 2, seed: int = 0):
    assert type(schedule) is Schedule
    value = sum(schedule.at(epoch) for epoch in range(epochs)) + seed
    with Path("results.txt").open("a") as file:
        file.write(f"{schedule} {epochs} {value}\n")
    return value


if __name__ == "__main__":
    store.add_to_hydra_store()
    zen(task).hydra_main(version_base="1.3", config_path=None, config_name="config")
