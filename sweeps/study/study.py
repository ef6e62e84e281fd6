"""A study: its points, who runs them, and how they ended.

The ledger is the truth; Optuna's trials mirror it for samplers, pruners and dashboards.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.study import StudyDirection

from sweeps import outcome as outcomes
from sweeps.errors import StudyError, did_you_mean
from sweeps.outcome import RETRYABLE, Failed, Outcome
from sweeps.space import Point
from sweeps.study.ledger import Ledger
from sweeps.study.mirror import Mirror
from sweeps.study.records import Claim, TrialRow, columns, point_of, trial_row
from sweeps.study.storage import Database, points

Draw = Callable[[optuna.Study, int], tuple[int, Point]]
"""Asks the sampler for the point of a trial number; returns Optuna's trial and the point."""


class Study:
    """One search in a database.

    Args:
        database: Where it is kept.
        name: Its name there.

    Raises:
        StudyError: There is no study of that name.
    """

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        self.name = name
        try:
            self._optuna = database.patiently(lambda: optuna.load_study(study_name=name, storage=database.storage))
        except KeyError:
            raise StudyError(f"There is no study {name!r}. Studies: {did_you_mean(name, names(database))}") from None
        self._ledger = Ledger(database, self._optuna._study_id)
        self._mirror = Mirror(database, self._optuna)
        self.settings: dict[str, Any] = self._optuna.user_attrs

    @classmethod
    def create(cls, database: Database, name: str, directions: Sequence[str], settings: Mapping[str, Any]) -> "Study":
        """Open the study of that name, or make it.

        Args:
            database: Where it is kept.
            name: Its name.
            directions: `minimize` or `maximize` per objective.
            settings: Plain values kept with the study; those it has already stay.

        Raises:
            StudyError: A study of that name optimises something else.
        """
        study = database.patiently(
            lambda: optuna.create_study(
                study_name=name,
                storage=database.storage,
                directions=[StudyDirection[name.upper()] for name in directions],
                load_if_exists=True,
            )
        )
        known = study.user_attrs
        for key, value in {"key": uuid.uuid4().hex, **settings}.items():
            if key not in known:
                database.patiently(lambda key=key, value=value: study.set_user_attr(key, value))  # type: ignore[misc]
        made = cls(database, name)
        before = [direction.name.lower() for direction in study.directions]
        for key, value, was in (
            ("direction", list(directions), before),
            ("objective", settings.get("objective"), made.settings.get("objective")),
        ):
            if value != was:
                raise StudyError(f"study.{key}={value}: study {name!r} was started with {was}. Use another study.name.")
        return made

    @property
    def directions(self) -> list[str]:
        """`minimize` or `maximize` per objective."""
        return [direction.name.lower() for direction in self._optuna.directions]

    def use(self, pruner: optuna.pruners.BasePruner | None) -> None:
        """Set what stops trials; None never does."""
        self._optuna.pruner = pruner or optuna.pruners.NopPruner()

    def remember(self, key: str, value: Any) -> None:
        """Keep a plain value with the study."""
        self.database.patiently(lambda: self._optuna.set_user_attr(key, value))
        self.settings[key] = value

    def add(self, wanted: Iterable[Point]) -> int:
        """Hand out these points too; those it knows already stay as they are.

        Returns:
            How many are new.
        """
        return self._ledger.add([{"key": point.key, **columns(point)} for point in wanted])

    def add_draws(self, num_draws: int) -> int:
        """Raise the number of points that the sampler draws to `num_draws`; returns how many are new."""
        return self._ledger.add([{"key": f"draw-{i}", "overrides": None, "varied": None} for i in range(num_draws)])

    def claim(self, worker: str, draw: Draw | None) -> Claim | None:
        """Take the next open point; None when all are running or done.

        Args:
            worker: Who takes it.
            draw: Asks the sampler for a point; needed where the study has points to draw.
        """
        row = self._ledger.take(worker)
        if row is None:
            return None
        trial_id, point = row.trial_id, point_of(row)
        if point is None:
            if draw is None:
                raise StudyError(f"Study {self.name!r} draws its points from a sampler; start it with its own line.")
            trial_id, point = self.database.patiently(lambda: draw(self._optuna, row.position))
        elif trial_id is None:
            trial_id = self._mirror.start(point)
        claim = Claim(
            id=row.id,
            number=row.position,
            attempt=row.attempt,
            worker=worker,
            trial_id=trial_id,
            point=point,
            spent_s=row.spent_s,
        )
        return claim if self._change(claim, {**columns(point), "trial_id": trial_id}) else None

    def beat(self, claim: Claim, progress: Mapping[str, Any]) -> bool:
        """Say that the trial runs; False when the claim is no longer ours and the trial has to stop."""
        return self._ledger.beat(claim.id, claim.worker, claim.attempt, json.dumps(progress))

    def report(self, claim: Claim, value: float, step: int) -> bool:
        """Give the pruner an intermediate value; True when the trial should stop."""
        # Optuna's pruners take one objective.
        return len(self.directions) == 1 and self._mirror.report(claim.trial_id, value, step)

    def tell(self, claim: Claim, outcome: Outcome) -> bool:
        """Record how the trial ended; False when the claim is no longer ours and the result is refused."""
        text = outcomes.to_json(outcome)
        if not self._change(claim, {"state": "done", "outcome": text}) and not self._was_told(claim, text):
            return False
        self._mirror_end(claim.id, claim.trial_id, outcome)
        return True

    def give_back(self, claim: Claim, spent_s: float, *, as_retry: bool = False) -> bool:
        """Let any worker continue the trial; a retry counts against `study.max_retries`."""
        values: dict[str, Any] = {"state": "open", "worker": None, "beat_at": None, "spent_s": claim.spent_s + spent_s}
        if as_retry:
            values["retries"] = points.c.retries + 1
        return self._change(claim, values)

    def may_retry(self, claim: Claim, outcome: Outcome, max_retries: int) -> bool:
        """Whether a further attempt could help, and is left."""
        if not isinstance(outcome, Failed) or outcome.cause not in RETRYABLE:
            return False
        return int(self._ledger.rows(points.c.id == claim.id)[0].retries) < max_retries

    def reopen_failed(self) -> int:
        """Hand out the failed trials once more; returns how many."""
        ended = self._ledger.rows(points.c.state == "done")
        failed = [row for row in ended if isinstance(outcomes.from_json(row.outcome), Failed)]
        for row in failed:
            self._ledger.reopen(row.id)
        return len(failed)

    def reap(self, lease_s: float) -> list[int]:
        """Reopen the trials of workers that are gone, as `Ledger.reap` says; returns their numbers."""
        return self._ledger.reap(lease_s)

    def reconcile(self) -> None:
        """Bring Optuna's trials in line with the ledger, after a crash between the two."""
        for row in self._ledger.rows(points.c.state == "done", points.c.mirrored == 0):
            self._mirror_end(row.id, row.trial_id, outcomes.from_json(row.outcome))
        if self.is_finished():
            self._mirror.fail_orphans({row.trial_id for row in self._ledger.rows()})

    def unmirrored(self) -> list[int]:
        """Numbers of ended trials whose outcome Optuna's tables may not have yet."""
        return [row.position for row in self._ledger.rows(points.c.state == "done", points.c.mirrored == 0)]

    def counts(self) -> dict[str, int]:
        """Ledger state (`open`, `running`, `done`) to number of points."""
        return self._ledger.counts()

    def is_finished(self) -> bool:
        """Whether every point has ended."""
        counts = self.counts()
        return counts["open"] == counts["running"] == 0

    def trials(self) -> list[TrialRow]:
        """All trials by number."""
        return [trial_row(row) for row in self._ledger.rows()]

    def knows(self, keys: Iterable[str]) -> set[str]:
        """Which of these points the study has."""
        return {row.key for row in self._ledger.rows()} & set(keys)

    def _change(self, claim: Claim, values: Mapping[str, Any]) -> bool:
        return self._ledger.change(claim.id, claim.worker, claim.attempt, values)

    def _was_told(self, claim: Claim, text: str) -> bool:
        """Whether the row has our result already: the answer to a write can be lost with the connection."""
        row = self._ledger.rows(points.c.id == claim.id)[0]
        return bool(row.state == "done" and row.outcome == text and row.worker == claim.worker)

    def _mirror_end(self, row_id: int, trial_id: int | None, outcome: Outcome) -> None:
        if trial_id is not None:
            self._mirror.end(trial_id, outcome)
        self._ledger.mark_mirrored(row_id)


def names(database: Database) -> list[str]:
    """The studies of a database, oldest first."""
    return [
        summary.study_name for summary in optuna.get_all_study_summaries(database.storage, include_best_trial=False)
    ]
