"""A study: its points, who runs them, and how they ended.

The ledger row of a point is the truth; Optuna's trial mirrors it for samplers, pruners and dashboards.
"""

import contextlib
import json
import math
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from sweeps import outcome as outcomes
from sweeps.errors import StudyError, did_you_mean
from sweeps.identity import is_known_dead
from sweeps.outcome import RETRYABLE, Completed, Failed, Outcome, Pruned
from sweeps.space import Point
from sweeps.storage import Database, points

Draw = Callable[[optuna.Study, int], tuple[int, Point]]
"""Asks the sampler for the point of a trial number; returns Optuna's trial and the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right of one worker to run one attempt of one trial.

    Attributes:
        id: Row of the ledger.
        number: The trial's number in the study.
        attempt: 1 for the first execution; a later claim makes this one worthless.
        worker: Its owner.
        trial_id: Optuna's trial.
        point: What to run.
        spent_s: Wall time of earlier attempts.
    """

    id: int
    number: int
    attempt: int
    worker: str
    trial_id: int
    point: Point
    spent_s: float


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
    """

    number: int
    state: str
    attempt: int
    point: Point | None
    worker: str | None
    progress: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None


class Study:
    """One search in a database.

    Args:
        database: Where it is kept.
        name: Its name there.

    Raises:
        StudyError: There is no study of that name.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._db = database
        self.name = name
        try:
            self._optuna = database.patiently(lambda: optuna.load_study(study_name=name, storage=database.storage))
        except KeyError:
            raise StudyError(f"There is no study {name!r}. Studies: {did_you_mean(name, names(database))}") from None
        self._id = self._optuna._study_id
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
    def database(self) -> Database:
        return self._db

    @property
    def directions(self) -> list[str]:
        return [direction.name.lower() for direction in self._optuna.directions]

    def use(self, pruner: optuna.pruners.BasePruner | None) -> None:
        """Set what stops trials; None never does."""
        self._optuna.pruner = pruner or optuna.pruners.NopPruner()

    def remember(self, key: str, value: Any) -> None:
        self._db.patiently(lambda: self._optuna.set_user_attr(key, value))
        self.settings[key] = value

    def add(self, wanted: Iterable[Point]) -> int:
        """Hand out these points too; those it knows already stay as they are.

        Returns:
            How many are new.
        """
        rows = [
            {"key": point.key, "overrides": json.dumps(point.overrides), "varied": json.dumps(point.varied)}
            for point in wanted
        ]
        return self._insert(rows)

    def add_draws(self, num_draws: int) -> int:
        """Raise the number of points that the sampler draws to `num_draws`; returns how many are new."""
        return self._insert([{"key": f"draw-{i}", "overrides": None, "varied": None} for i in range(num_draws)])

    def claim(self, worker: str, draw: Draw | None) -> Claim | None:
        """Take the next open point; None when all are running or done.

        Args:
            worker: Who takes it.
            draw: Asks the sampler for a point; needed where the study has points to draw.
        """
        row = self._db.write(lambda connection: self._take(connection, worker))
        if row is None:
            return None
        if row.overrides is None:
            if draw is None:
                raise StudyError(f"Study {self.name!r} draws its points from a sampler; start it with its own line.")
            trial_id, point = self._db.patiently(lambda: draw(self._optuna, row.position))
        else:
            point = Point(overrides=json.loads(row.overrides), varied=tuple(json.loads(row.varied or "[]")))
            trial_id = row.trial_id or self._db.patiently(lambda: self._new_trial(point))
        claim = Claim(
            id=row.id,
            number=row.position,
            attempt=row.attempt,
            worker=worker,
            trial_id=trial_id,
            point=point,
            spent_s=row.spent_s,
        )
        drawn = {"overrides": json.dumps(point.overrides), "varied": json.dumps(point.varied), "trial_id": trial_id}
        return claim if self._change(claim, drawn) else None

    def beat(self, claim: Claim, progress: Mapping[str, Any]) -> bool:
        """Say that the trial runs; False when the claim is no longer ours and the trial has to stop."""
        return self._change(claim, {"beat_at": self._db.now, "progress": json.dumps(progress)})

    def report(self, claim: Claim, value: float, step: int) -> bool:
        """Give the pruner an intermediate value; True when the trial should stop."""
        if len(self.directions) > 1:
            return False  # Optuna's pruners take one objective

        def tell() -> bool:
            trial = optuna.trial.Trial(self._optuna, claim.trial_id)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a later attempt repeats steps; Optuna keeps the first value
                trial.report(value, step)
            return trial.should_prune()

        return self._db.patiently(tell)

    def tell(self, claim: Claim, outcome: Outcome) -> bool:
        """Record how the trial ended; False when the claim is no longer ours and the result is refused."""
        text = outcomes.to_json(outcome)
        if not self._change(claim, {"state": "done", "outcome": text}):
            return self._db.patiently(lambda: self._was_told(claim, text))
        self._mirror(claim.id, claim.trial_id, outcome)
        return True

    def give_back(self, claim: Claim, spent_s: float, *, as_retry: bool = False) -> bool:
        """Let any worker continue the trial; a retry counts against `study.max_retries`."""
        values: dict[str, Any] = {"state": "open", "worker": None, "beat_at": None, "spent_s": claim.spent_s + spent_s}
        if as_retry:
            values["retries"] = points.c.retries + 1
        return self._change(claim, values)

    def may_retry(self, claim: Claim, outcome: Outcome, max_retries: int) -> bool:
        if not isinstance(outcome, Failed) or outcome.cause not in RETRYABLE:
            return False
        query = sa.select(points.c.retries).where(points.c.id == claim.id)
        return int(self._read(query)[0].retries) < max_retries

    def reopen_failed(self) -> int:
        """Hand out the failed trials once more; returns how many."""
        failed = [row for row in self._rows() if row.state == "done" and _is_failed(row.outcome)]
        again = {"state": "open", "outcome": None, "mirrored": 0, "trial_id": None, "retries": 0, "worker": None}
        for row in failed:
            update = sa.update(points).where(points.c.id == row.id, points.c.state == "done").values(again)
            self._db.write(lambda connection, update=update: connection.execute(update).rowcount)  # type: ignore[misc]
        return len(failed)

    def reap(self, lease_s: float) -> list[int]:
        """Reopen the trials of workers that are gone; returns their numbers.

        A worker on this machine is known to be gone; any other one is given `lease_s` since its last beat. After an
        outage of the database nobody is judged for that long, since nobody could beat.
        """
        silent = self._db.now - points.c.beat_at
        query = sa.select(points, (silent > lease_s).label("is_silent")).where(
            points.c.study_id == self._id, points.c.state == "running"
        )
        is_settled = time.monotonic() - self._db.last_outage_at > lease_s
        lost = []
        for row in self._read(query):
            if is_known_dead(row.worker or "") or (row.is_silent and is_settled):
                update = (
                    sa.update(points)
                    .where(points.c.id == row.id, points.c.state == "running", points.c.attempt == row.attempt)
                    .where(points.c.worker == row.worker, points.c.beat_at == row.beat_at)
                    .values(state="open", worker=None, beat_at=None)
                )
                if self._db.write(lambda connection, update=update: connection.execute(update).rowcount):  # type: ignore[misc]
                    lost.append(row.position)
        return lost

    def reconcile(self) -> None:
        """Bring Optuna's trials in line with the ledger, after a crash between the two."""
        for row in self._rows(sa.and_(points.c.state == "done", points.c.mirrored == 0)):
            self._mirror(row.id, row.trial_id, outcomes.from_json(row.outcome))
        if not self.is_finished():
            return
        known = {row.trial_id for row in self._rows()}
        for trial in self._optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            if trial._trial_id not in known:
                self._finish_optuna(trial._trial_id, TrialState.FAIL, None)

    def unmirrored(self) -> list[int]:
        """Numbers of ended trials whose outcome Optuna's tables may not have yet."""
        return [row.position for row in self._rows(sa.and_(points.c.state == "done", points.c.mirrored == 0))]

    def counts(self) -> dict[str, int]:
        """Ledger state (`open`, `running`, `done`) to number of points."""
        query = sa.select(points.c.state, sa.func.count().label("n")).where(points.c.study_id == self._id)
        found = {row.state: row.n for row in self._read(query.group_by(points.c.state))}
        return {state: found.get(state, 0) for state in ("open", "running", "done")}

    def is_finished(self) -> bool:
        counts = self.counts()
        return counts["open"] == counts["running"] == 0

    def trials(self) -> list[TrialRow]:
        """All trials by number."""
        return [_trial_row(row) for row in self._rows()]

    def knows(self, keys: Iterable[str]) -> set[str]:
        """Which of these points the study has."""
        return {row.key for row in self._rows()} & set(keys)

    def _insert(self, rows: list[dict[str, Any]]) -> int:
        def insert(connection: sa.Connection) -> int:
            query = sa.select(points.c.key, points.c.position).where(points.c.study_id == self._id)
            known = {row.key: row.position for row in connection.execute(query)}
            position = max(known.values(), default=-1) + 1
            new: dict[str, dict[str, Any]] = {}
            for row in rows:
                if row["key"] not in known and row["key"] not in new:
                    new[row["key"]] = {**row, "study_id": self._id, "position": position + len(new), "state": "open"}
            if new:
                connection.execute(sa.insert(points), list(new.values()))
            return len(new)

        # Two coordinators at once would number the same points twice.
        with self._db.lock("points"):
            return self._db.write(insert)

    def _take(self, connection: sa.Connection, worker: str) -> Any:
        first = (
            sa.select(points.c.id)
            .where(points.c.study_id == self._id, points.c.state == "open")
            .order_by(points.c.position)
            .limit(1)
        )
        if not self._db.is_sqlite:
            first = first.with_for_update(skip_locked=True)
        take = (
            sa.update(points)
            .where(points.c.id == first.scalar_subquery(), points.c.state == "open")
            .values(state="running", worker=worker, attempt=points.c.attempt + 1, beat_at=self._db.now, progress=None)
            .returning(points)
        )
        return connection.execute(take).one_or_none()

    def _change(self, claim: Claim, values: Mapping[str, Any]) -> bool:
        update = (
            sa.update(points)
            .where(points.c.id == claim.id, points.c.state == "running")
            .where(points.c.worker == claim.worker, points.c.attempt == claim.attempt)
            .values(**values)
        )
        return self._db.write(lambda connection: connection.execute(update).rowcount) == 1

    def _was_told(self, claim: Claim, text: str) -> bool:
        # The answer to a successful write can be lost with the connection.
        row = self._read(sa.select(points).where(points.c.id == claim.id))[0]
        mine = row.state == "done" and row.outcome == text and row.worker == claim.worker
        if mine:
            self._mirror(claim.id, claim.trial_id, outcomes.from_json(text))
        return bool(mine)

    def _new_trial(self, point: Point) -> int:
        # Optuna accepts no new category on a known axis, and a study may be extended by one: text stays an attribute.
        swept = {key: _param(point.overrides[key]) for key in point.varied}
        numbers = {key: value for key, value in swept.items() if isinstance(value, float)}
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(numbers),
            distributions={key: FloatDistribution(value, value) for key, value in numbers.items()},
            user_attrs={key: value for key, value in swept.items() if key not in numbers},
        )
        return int(self._db.storage.create_new_trial(self._id, template_trial=template))

    def _mirror(self, row_id: int, trial_id: int | None, outcome: Outcome) -> None:
        if trial_id is not None:
            match outcome:
                case Completed(values=values):
                    self._finish_optuna(trial_id, TrialState.COMPLETE, values)
                case Pruned(values=values):
                    self._finish_optuna(trial_id, TrialState.PRUNED, values or None)
                case Failed(cause=cause, detail=detail):
                    self._finish_optuna(trial_id, TrialState.FAIL, None, {"cause": cause, "detail": detail})
        update = sa.update(points).where(points.c.id == row_id).values(mirrored=1)
        self._db.write(lambda connection: connection.execute(update).rowcount)

    def _finish_optuna(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None, attrs: Mapping[str, str] | None = None
    ) -> None:
        def finish() -> None:
            for key, value in (attrs or {}).items():
                self._db.storage.set_trial_user_attr(trial_id, key, value)
            self._db.storage.set_trial_state_values(trial_id, state, values)

        # It may have been mirrored before the crash that made us look again.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._db.patiently(finish)

    def _rows(self, condition: sa.ColumnElement[bool] | None = None) -> Sequence[Any]:
        query = sa.select(points).where(points.c.study_id == self._id).order_by(points.c.position)
        return self._read(query if condition is None else query.where(condition))

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        def read() -> Sequence[Any]:
            with self._db.engine.connect() as connection:
                return connection.execute(query).all()

        return self._db.patiently(read)


def names(database: Database) -> list[str]:
    """The studies of a database, oldest first."""
    return [
        summary.study_name for summary in optuna.get_all_study_summaries(database.storage, include_best_trial=False)
    ]


def _trial_row(row: Any) -> TrialRow:
    outcome = outcomes.from_json(row.outcome) if row.outcome else None
    point = None
    if row.overrides is not None:
        point = Point(overrides=json.loads(row.overrides), varied=tuple(json.loads(row.varied or "[]")))
    return TrialRow(
        number=row.position,
        state=outcomes.kind(outcome) if outcome else row.state,
        attempt=row.attempt,
        point=point,
        worker=row.worker,
        progress=json.loads(row.progress) if row.progress else {},
        outcome=outcome,
    )


def _is_failed(text: str | None) -> bool:
    return text is not None and isinstance(outcomes.from_json(text), Failed)


def _param(text: str) -> float | str:
    """A number where Optuna can store one, else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
