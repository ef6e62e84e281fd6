"""What a worker works on: which study, where it is kept, and how its trials are run."""

from dataclasses import dataclass
from pathlib import Path

from sweeps.settings import StudySettings, TrackingSettings
from sweeps.space import ADDRESSES, Space
from sweeps.study.records import Claim
from sweeps.worker.application import Application
from sweeps.worker.child import Job
from sweeps.worker.placement import Place


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
    """

    study: str
    key: str
    storage: str
    num_points: int
    application: Application
    space: Space
    settings: StudySettings
    tracking: TrackingSettings

    def job(self, claim: Claim, place: Place, directory: Path) -> Job:
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
        )


def trial_overrides(space: Space, point: list[str]) -> tuple[str, ...]:
    """The overrides of a trial's configuration: how the study runs, and its point.

    Args:
        space: What the command line said.
        point: Overrides of the point.
    """
    # A trial speaks to neither server, and Hydra writes its overrides to a file.
    needless = ("hydra", *ADDRESSES)
    operational = [text for text in space.operational if not text.lstrip("+~").startswith(needless)]
    return (*operational, *(space.as_typed(text) for text in point))
