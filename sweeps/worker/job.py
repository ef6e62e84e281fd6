"""What the process of a trial is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a trial's process needs to know.

    Attributes:
        overrides: The point's overrides, and those that say how the study runs.
        directory: The trial's own directory.
        point: Key of the trial's point, to which the directory must belong.
        number: The trial's number.
        attempt: 1 for the first execution.
        environment: Variables of this process, such as the visible device.
        restarts: How often the trial was sent back to its beginning; what it left before is set aside.
        tracking_uri: Where the study is tracked; None: nowhere.
        experiment: Experiment of the study's runs.
        may_restart: Whether it begins anew where its task cannot continue from what is there.
        origin: What the command runs, and who typed it, as `Origin.as_facts` gives it.
        root: The project's folder, from which its files are named.
        system_metrics: Whether it records what its process uses.
        checkpoints: URL of the folder that mirrors the trial's checkpoints; empty: there is none.
        fusion: What `study.fusion` says; None: nothing.
        others: Numbers of the trials that share its process.
    """

    overrides: tuple[str, ...]
    directory: Path
    number: int
    attempt: int
    point: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0
    tracking_uri: str | None = None
    experiment: str = ""
    may_restart: bool = False
    origin: Mapping[str, Any] = field(default_factory=dict)
    root: str = ""
    system_metrics: bool = False
    checkpoints: str = ""
    fusion: Any = None
    others: tuple[int, ...] = ()
