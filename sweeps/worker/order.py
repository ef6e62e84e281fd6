"""What a worker works on: which study, where it is kept, and how its trials are run."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from sweeps.identity.fingerprint import Compose, Fingerprints
from sweeps.identity.origin import Origin
from sweeps.own_keys import own_keys
from sweeps.settings import StudySettings, TrackingSettings
from sweeps.space import Space
from sweeps.worker.application import Application
from sweeps.worker.job import Job
from sweeps.worker.placement import Place

if TYPE_CHECKING:
    from sweeps.study.records import Claim  # with SQLAlchemy


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """Work on a study. It can be pickled, so that any launcher may carry it to another process or machine.

    Attributes:
        study: The study's name.
        key: The study's key, unique over all databases.
        storage: URL of its storage.
        num_points: Points that the command asks for; a worker never needs more places.
        application: What its trials run.
        space: What the command line said: overrides that trials share, and dimensions to draw from.
        settings: The `study` group.
        tracking: The `tracking` group.
        configuration: Which of the study's configurations this is, counted from 1.
        identity: Tells the application apart from others.
        origin: What the command runs, and who typed it.
        root: The project's folder on the machine of the command.
        line: Digest of the command, by which its answer is found again; empty where none is kept.
    """

    study: str
    key: str
    storage: str
    num_points: int
    application: Application
    space: Space
    settings: StudySettings
    tracking: TrackingSettings
    configuration: int | None = None
    identity: str = ""
    origin: Origin = field(default_factory=Origin)
    root: str = ""
    line: str = ""

    def fingerprints(self) -> Fingerprints:
        """Gives the points that a sampler draws their identity."""
        config, compose = self.application.config, self.application.compose
        repository = self.application.hydra_context.config_loader.repository
        return fingerprints(config, self.space, compose, repository, self.settings.seed_key, self.identity)

    def job(self, claim: "Claim", place: Place, directory: Path) -> Job:
        """What the process of a trial needs to know.

        Args:
            claim: The trial.
            place: Where it runs.
            directory: The trial's directory on this machine.
        """
        return Job(
            overrides=trial_overrides(self.space, claim.point.as_arguments()),
            directory=directory,
            point=claim.point.key,
            number=claim.number,
            attempt=claim.attempt,
            restarts=claim.restarts,
            tracking_uri=self.tracking.uri,
            experiment=self.tracking.experiment,
            may_restart=self.settings.retry_failed,
            environment=dict(place.environment),
            origin=self.origin.as_facts(),
            root=self.root,
            system_metrics=self.tracking.system_metrics,
            checkpoints=self._checkpoints(claim),
            fusion=self.settings.fusion,
        )

    def _checkpoints(self, claim: "Claim") -> str:
        """Where the checkpoints of a trial are mirrored; one that was sent back to its beginning has a new place."""
        if not self.settings.checkpoints:
            return ""
        place = f"{self.settings.checkpoints.rstrip('/')}/{self.study}~{self.key[:8]}/{claim.number:03d}"
        return f"{place}-{claim.restarts}" if claim.restarts else place


def fingerprints(
    config: DictConfig, space: Space, compose: Compose, repository: Any, seed_key: str, identity: str
) -> Fingerprints:
    """What gives the points of a space their identity.

    Args:
        config: The configuration composed without the swept overrides.
        space: What the command line said.
        compose: Composes a trial.
        repository: Hydra's, which knows the groups.
        seed_key: Where the application reads its seed.
        identity: Tells the application apart from others.
    """
    kept = replace(space, withheld={})  # no hash of a secret leaves the process
    groups = set(config.hydra.runtime.choices)

    def is_group(key: str) -> bool:
        return key in groups or repository.group_exists(key) or repository.config_exists(key)

    def composed(point: Sequence[str]) -> DictConfig:
        return compose(list(trial_overrides(kept, list(point))))

    own = own_keys(config)
    return Fingerprints(composed, is_group, own.operational, seed_key, identity, own.implied)


def trial_overrides(space: Space, point: list[str]) -> tuple[str, ...]:
    """The overrides of a trial's configuration: how the study runs, and its point.

    Args:
        space: What the command line said.
        point: Overrides of the point.
    """
    return (*space.operational, *(space.as_typed(text) for text in point))
