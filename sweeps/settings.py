"""The keys of the `study` and `tracking` groups."""

import os
from dataclasses import dataclass, field
from typing import Any

from sweeps.outcome import names_of_values

DEFAULT_DIRECTORY = "logs/studies"
DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"


@dataclass(kw_only=True)
class StudySettings:
    """What `train -m` does with the points of a sweep; `configs/study/default.yaml` says what each key means."""

    name: str | None = None
    storage: str | None = None
    directory: str = DEFAULT_DIRECTORY
    objective: Any = None
    direction: Any = None
    sampler: Any = "auto"
    seed: int | None = 0
    pruner: Any = None
    prune_by: Any = None
    points: Any = None
    refine: int | None = None
    when: Any = None
    constraints: Any = None
    first: Any = None
    like: str | None = None
    ratios: Any = None
    implied: Any = None
    scales: dict[str, Any] | None = None
    n_trials: int | None = None
    replicates: int = 1
    fuse: Any = "off"
    fusion: Any = None
    preview: bool = False
    slots: Any = "auto"
    isolation: str = "process"
    preload: Any = None
    num_workers: int = 1
    checkpoints: str | None = None
    submit: bool = False
    trial_timeout_s: float | None = None
    stall_timeout_s: float | None = None
    trial_memory_gb: float | None = None
    max_retries: int = 1
    max_failures: int | None = None
    max_trials: int | None = None
    max_hours: float | None = None
    max_core_hours: float | None = None
    max_gpu_hours: float | None = None
    target: Any = None
    patience: int | None = None
    terminator: Any = None
    notify: str | None = None
    retry_failed: bool = False
    on_change: str = "new"
    allow_drift: bool = False
    seed_key: str = "seed"
    operational: Any = None
    lease_s: float = 30.0
    stop_grace_s: float = 20.0
    report: bool | None = None

    @property
    def storage_url(self) -> str:
        """The URL given, by key or environment, or a SQLite file beside the studies' directories."""
        return self.storage or default_storage(self.directory)

    @property
    def writes_report(self) -> bool:
        """Whether a finished study is drawn: as the key says, else the environment."""
        return os.environ.get("SWEEPS_REPORT") != "false" if self.report is None else self.report

    @property
    def objectives(self) -> tuple[str, ...]:
        return _strings(self.objective)

    @property
    def mappings_of_ratios(self) -> tuple[str, ...]:
        """Keys of mappings in which only the ratios of the numbers count."""
        return _strings(self.ratios)

    @property
    def metrics_scaled(self) -> dict[str, list[str]]:
        """Keys of mappings, to the metrics that the numbers in them scale."""
        return {str(key): list(_strings(names)) for key, names in (self.scales or {}).items()}

    @property
    def aims(self) -> list[tuple[str, str]]:
        """Name and direction of each value of a result."""
        directions = self.directions or ("minimize",) * max(1, len(self.objectives))
        return list(zip(names_of_values(self.objectives, len(directions)), directions, strict=True))

    @property
    def directions(self) -> tuple[str, ...]:
        """One per objective; empty where none is given."""
        given = _strings(self.direction)
        return given * len(self.objectives) if len(given) == 1 and self.objectives else given


@dataclass(kw_only=True)
class TrackingSettings:
    """Where runs are logged."""

    uri: str | None = field(default_factory=lambda: tracking_uri())
    experiment: str = "sweeps"
    drain_s: float = 10.0
    models: str = "best"
    system_metrics: bool = False


def default_storage(directory: str = DEFAULT_DIRECTORY) -> str:
    """`SWEEPS_STORAGE`, or the SQLite file in the studies' directory."""
    return os.environ.get("SWEEPS_STORAGE") or f"sqlite:///{directory}/studies.db"


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, or the SQLite file in the working directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(f"{item!s}" for item in value) if isinstance(value, list) else (f"{value!s}",)
