"""What a study hands out and what it tells: claims and trials, and their form in the ledger."""

import json
from dataclasses import dataclass, field
from typing import Any

from sweeps import outcome as outcomes
from sweeps.outcome import Outcome
from sweeps.space import Point
from sweeps.study.events import Held
from sweeps.study.kept_points import point_of as point_of

AGE, DONE, GROUP = "sweeps/age_s", "sweeps/done", "sweeps/group"
"""In the progress of a running trial: its wall time over all attempts, the part of its work that is done, and the
numbers of the trials that share its process, where there are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right of one worker to run one attempt of one trial.

    Attributes:
        id: Row of the ledger.
        number: The trial's number in the study.
        attempt: 1 for the first execution; a later claim makes this one worthless.
        worker: Its owner.
        trial_id: Optuna's trial; None where it is made once it has ended.
        point: What to run.
        spent_s: Wall time of earlier attempts.
        retries: Attempts so far that counted against `study.max_retries`.
        restarts: How often the trial was sent back to its beginning.
        is_spared: Whether no pruner stops it, as somebody wants it whole.
    """

    id: int
    number: int
    attempt: int
    worker: str
    trial_id: int | None
    point: Point
    spent_s: float
    retries: int = 0
    restarts: int = 0
    is_spared: bool = False

    @property
    def held(self) -> Held:
        """What it holds."""
        return Held(self.number, self.attempt, self.worker)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """What the study knows of one trial.

    Attributes:
        number: The trial's number.
        state: `open`, `running`, `completed`, `pruned` or `failed`.
        attempt: Executions so far.
        point: Its overrides; None while a sampler has not drawn them.
        worker: Who runs it now.
        progress: The last report of a running trial.
        outcome: How it ended.
        is_drawn: Whether a sampler draws its point.
        configuration: Which of the study's configurations it ran, counted from 1; None where nobody knows.
        is_current: Whether that is today's.
    """

    number: int
    state: str
    attempt: int
    point: Point | None
    worker: str | None
    progress: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    is_drawn: bool = False
    configuration: int | None = None
    is_current: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    """A worker has started an attempt of a trial."""

    number: int
    attempt: int
    point: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnded:
    """A trial has its outcome, by this worker."""

    number: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRetried:
    """An attempt has failed or was ended from outside, and another one follows.

    Attributes:
        number: The trial's number.
        what: The event this is.
        why: The reason.
    """

    number: int
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialHandedBack:
    """An attempt was stopped because its worker stops; any worker may continue the trial."""

    number: int


Notice = TrialStarted | TrialRetried | TrialHandedBack | TrialEnded
"""What the observers of a worker learn."""


def is_drawn(row: Any) -> bool:
    """Whether a sampler draws the point of a ledger row."""
    return row.draw is not None


def claim_of(row: Any, trial_id: int | None, point: Point, restarts: int) -> Claim:
    """The claim of the worker that a ledger row names.

    Args:
        row: The row.
        trial_id: Optuna's trial, if there is one.
        point: The row's point, or the one just drawn for it.
        restarts: How often the trial was sent back to its beginning.
    """
    return Claim(
        id=row.id,
        number=row.number,
        attempt=row.attempt,
        worker=row.worker,
        trial_id=trial_id,
        point=point,
        spent_s=row.spent_s,
        retries=row.retries,
        restarts=restarts,
        is_spared=bool(row.spared),
    )


def trial_row(row: Any, configuration: int | None = None) -> TrialRow:
    """A ledger row as a trial.

    Args:
        row: The row.
        configuration: Today's configuration of the study; None where it has never counted them.
    """
    outcome = outcomes.from_json(row.outcome) if row.outcome else None
    return TrialRow(
        number=row.number,
        state=outcomes.kind(outcome) if outcome else row.state,
        attempt=row.attempt,
        point=point_of(row),
        worker=row.worker,
        progress=json.loads(row.progress) if row.progress else {},
        outcome=outcome,
        is_drawn=is_drawn(row),
        configuration=row.configuration,
        is_current=row.configuration in (None, configuration),
    )
