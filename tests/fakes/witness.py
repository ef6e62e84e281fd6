"""A callback of Hydra's that writes down which of its methods are called."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class Witness(Callback):
    """Writes down which of its methods Hydra calls."""

    def __init__(self, path: str) -> None:
        self._path = path

    def _call(self, what: str) -> None:
        with Path(self._path).open("a") as file:
            file.write(f"{what}\n")

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._call("run start")

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        self._call("run end")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._call("multirun start")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        self._call("multirun end")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._call("job start")

    def on_job_end(self, config: DictConfig, **kwargs: Any) -> None:
        self._call("job end")
