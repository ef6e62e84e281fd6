"""The handle a task function sees of the trial it runs in."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODEL_FILE = "MLmodel"
"""What says of a folder that it is a model in MLflow's format."""


class TrialPruned(Exception):
    """A task raises it when `should_prune` says that the trial should stop."""


class Trial:
    """Outside a study: accepts everything, keeps nothing, stops nothing.

    Attributes:
        number: The trial's number in its study; None outside a study.
        attempt: 1 for the first execution; more where an earlier one was interrupted.
        is_in_study: Whether a study runs this process.
    """

    number: int | None = None
    attempt: int = 1
    is_in_study = False

    @property
    def directory(self) -> Path:
        """The trial's own directory, the same for each attempt; outside a study Hydra's output directory."""
        if "hydra" in sys.modules:
            from hydra.core.hydra_config import HydraConfig

            if HydraConfig.initialized() and (found := getattr(HydraConfig.get().runtime, "output_dir", None)):
                return Path(found)
        return Path.cwd()

    @property
    def checkpoint(self) -> Path | None:
        """The newest whole `*.ckpt`, `*.pt` or `*.pth` that an earlier attempt has left in the directory.

        None in a first attempt, and outside a study.
        """
        return None

    def declare(self, directions: Mapping[str, str], means: Mapping[str, Sequence[str]] | None = None) -> None:
        """Say which metrics are better when large and which when small.

        Tables mark the best value of a declared metric, and of no other.

        Args:
            directions: Metric name to `max` or `min`.
            means: Name of a metric to the names of those that it is a mean of in this trial. Trials in which these are
                others are not compared by it.

        Raises:
            ValueError: A direction is neither.
        """
        check_directions(directions)

    def report(self, metrics: Mapping[str, float], step: int) -> None:
        """Record metrics: for the tables, the tracking server, the display and the pruner. Never waits for any.

        Args:
            metrics: Metric name to value.
            step: Epoch, or whatever the trial counts, from 0 on.
        """

    def select(self, step: int) -> None:
        """Say that the metrics of this step are those of the trial, as of the checkpoint that it keeps as its best.

        Tables then have the values at this step; a metric without one has its last value, as without a selection. A
        later selection replaces it.

        Args:
            step: A step at which metrics were recorded.
        """

    def show(self, metrics: Mapping[str, float], step: int) -> None:
        """As `report`, for metrics that something else records already, such as a logger."""

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record hyperparameters, nested as they may be: the tracking server shows them beside what is swept."""

    def log_artifact(self, path: str | Path) -> None:
        """Keep a file or a folder with the trial; the tracking server gets it once the trial has ended.

        What lies in the trial's directory is sent as it is then, from anywhere else a copy is kept now.

        Raises:
            FileNotFoundError: There is no such file.
        """
        Path(path).stat()

    def log_dataset(self, name: str, digest: str, rows: int | Mapping[str, int] | None = None) -> None:
        """Say which data set the trial reads; the tracking server names it with the run.

        Args:
            name: Its name.
            digest: Another one where its content is another, such as the SHA-256 of its file. A server shows the first
                36 characters.
            rows: Their number, or a number per split; None: unknown.

        Raises:
            ValueError: Name or digest is empty or no text, or a number of rows is none.
        """
        rows_of(name, digest, rows)

    def log_model(self, folder: str | Path) -> None:
        """Keep a model in MLflow's own format: a folder with an `MLmodel`, as `mlflow.pytorch.save_model` makes it.

        The best trial's is sent once the study has ended; `tracking.models` says otherwise. `sweeps register STUDY`
        gives it a name. Nothing in the folder is ever run by a study.

        Raises:
            FileNotFoundError: There is no such folder, or it has no `MLmodel`.
        """
        (Path(folder) / MODEL_FILE).stat()

    def progress(self, done: float | None = None) -> None:
        """Say that the trial is not stuck; cheap enough for every step.

        Args:
            done: Part of the trial's work that is done, 0 to 1, which the live view shows; None: as said last.
        """

    @property
    def should_prune(self) -> bool:
        """Whether the pruner has decided, on what was reported so far, that the trial should stop."""
        return False


def check_directions(directions: Mapping[str, str]) -> None:
    """Refuse a direction that is neither `max` nor `min`.

    Raises:
        ValueError: With the metric and what was found.
    """
    for metric, direction in directions.items():
        if direction not in ("max", "min"):
            raise ValueError(f"the direction of {metric} is {direction!r}; valid: 'max', 'min'")


def rows_of(name: Any, digest: Any, rows: Any) -> dict[str, int]:
    """The rows of a data set per split; one number stands under the empty name.

    Raises:
        ValueError: Name or digest is empty or no text, or a number of rows is none.
    """
    for what, value in (("name", name), ("digest", digest)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"the {what} of a data set is {value!r}; it must be a text")
    given = {} if rows is None else rows if isinstance(rows, Mapping) else {"": rows}
    for number in given.values():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ValueError(f"the rows of data set {name!r} are {number!r}; they must be a whole number from 0 on")
    return {str(split): number for split, number in given.items()}


_current = Trial()


def current_trial() -> Trial:
    """The trial this process runs; outside a study one that does nothing.

    Example:
        A task that can be pruned, in a study or alone::

            @hydra.main(config_path="conf", config_name="app")
            def main(cfg):
                trial = sweeps.current_trial()
                trial.declare({"loss": "min"})
                for epoch in range(cfg.epochs):
                    loss = train_one_epoch(cfg)
                    trial.report({"loss": loss}, step=epoch)
                    if trial.should_prune:
                        raise sweeps.TrialPruned
                return loss
    """
    return _current


def enter(trial: Trial) -> None:
    """Make this the trial of the process."""
    global _current
    _current = trial
