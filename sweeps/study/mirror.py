"""Optuna's view of a study: trials for samplers, pruners and dashboards, always after the ledger."""

import contextlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from sweeps import outcome as outcomes
from sweeps.errors import StudyError
from sweeps.outcome import Outcome
from sweeps.space import Point
from sweeps.study.axes import DRAWN, Axes
from sweeps.study.backlog import Backlog
from sweeps.study.ledger import Ledger
from sweeps.study.optuna_rows import put_attributes, refit
from sweeps.study.optuna_trials import final, template
from sweeps.study.records import Claim, is_drawn, point_of
from sweeps.study.schema import rows
from sweeps.study.storage import Database

_MAX_TRIES = 5
_ORPHAN = {"cause": "lost", "detail": "Its worker died before it had noted it. Another number has the trial."}
_BEHIND = (rows.c.state == "done", rows.c.mirrored == 0)


class Mirror:
    """Writes trials to an Optuna study.

    Args:
        database: Where it is kept.
        study: The Optuna study.
        ledger: Its rows; a row notes whether Optuna's trial has its outcome.
    """

    def __init__(self, database: Database, study: optuna.Study, ledger: Ledger) -> None:
        self._db, self._study, self._ledger = database, study, ledger
        self._backlog = Backlog(database, ledger.study_key, study._study_id)
        self._axes: Axes | None = None

    @property
    def is_read(self) -> bool:
        """Whether anybody reads a trial while it runs: a pruner. Else its trial is made once it has ended."""
        return not isinstance(self._study.pruner, optuna.pruners.NopPruner)

    def name_values(self, names: Sequence[str]) -> None:
        """Tell Optuna what the numbers of a result are called."""
        if self._db.patiently(lambda: self._study.metric_names) != list(names):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # before version 5 it calls this experimental
                self._db.patiently(lambda: self._study.set_metric_names(list(names)))

    def start(self, point: Point) -> int:
        """Make a running trial; returns its id."""
        create = self._db.storage.create_new_trial
        for _ in range(_MAX_TRIES):
            made = partial(create, self._study._study_id, template(self._axes_with([point]), point))
            with contextlib.suppress(ValueError):  # another command has added a value to an axis meanwhile
                return int(self._db.patiently(made))
            self._axes = None
        raise StudyError(f"Study {self._study.study_name!r}: Optuna takes none of {dict(point.overrides)}.")

    def extend(self, points: Iterable[Point] = (), drawn: Mapping[str, BaseDistribution] | None = None) -> None:
        """Make room for these points on the axes that trials are compared by, before a worker can take one.

        Args:
            points: Points of a grid.
            drawn: What a sampler draws from, by key.
        """
        self._axes = None
        axes = self.axes().with_points(points).with_drawn(drawn or {})
        attributes = self._db.patiently(lambda: self._study.user_attrs)
        changed = {key: value for key, value in axes.attributes().items() if attributes.get(key) != value}
        for key, value in changed.items():
            self._db.patiently(lambda key=key, value=value: self._study.set_user_attr(key, value))  # type: ignore[misc]
        self._axes = axes
        if changed:
            self.refit()

    def refit(self) -> None:
        """Give all trials the parameters that the axes say: a worker may have been a moment late with its trial."""
        axes = self.axes()
        self._db.write(lambda connection: refit(connection, self._study._study_id, axes))

    def axes(self) -> Axes:
        """What the study varies; it is read once, and again where Optuna refuses a trial."""
        if self._axes is None:
            attributes = self._db.patiently(lambda: self._study.user_attrs)
            known = Axes.of(attributes)
            self._axes = known if DRAWN in attributes else self._axes_of_earlier(known)
        return self._axes

    def _axes_with(self, points: Iterable[Point]) -> Axes:
        """The axes, read again where they lack a value of a point."""
        for leaves in (point.leaves for point in points):
            if any(not self.axes().knows(key, leaves.overrides[key]) for key in leaves.varied):
                self._axes = None
                break
        return self.axes()

    def _axes_of_earlier(self, known: Axes) -> Axes:
        """The axes of a study of an earlier version, which kept none."""
        listed = self._ledger.rows()
        ids = {row.trial_id for row in listed if is_drawn(row)}
        trials = self._db.patiently(lambda: self._study.get_trials(deepcopy=False)) if ids else []
        drawn = {key: one for trial in trials if trial._trial_id in ids for key, one in trial.distributions.items()}
        points = [point_of(row) for row in listed if not is_drawn(row)]
        return known.with_points([point for point in points if point is not None]).with_drawn(drawn)

    def should_prune(self, claim: Claim, value: float, step: int) -> bool:
        """Record an intermediate value; whether the pruner says stop."""
        trial_id = claim.trial_id
        if trial_id is None:
            self._backlog.report(claim.id, step, value)
            return False

        def tell() -> bool:
            trial = optuna.trial.Trial(self._study, trial_id)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a later attempt repeats steps; Optuna keeps the first value
                trial.report(value, step)
            return trial.should_prune()

        return self._db.patiently(tell)

    def end(self, row_id: int, trial_id: int | None, outcome: Outcome) -> None:
        """Give the trial of a row its final state, or leave it to the backlog where it has none yet."""
        if trial_id is not None:
            self._end(trial_id, outcome)
            self._ledger.mark_mirrored(row_id)

    def catch_up(self) -> None:
        """Make the trials of the rows that have ended, and end those whose worker died before it could."""
        for row in self._ledger.rows(*_BEHIND, rows.c.trial_id.is_not(None)):
            self.end(row.id, row.trial_id, outcomes.from_json(row.outcome))
        while self._backlog.write(self._axes_with):
            pass

    def behind(self) -> list[int]:
        """Numbers of ended trials whose outcome Optuna's tables may not have yet."""
        return [row.number for row in self._ledger.rows(*_BEHIND)]

    def _end(self, trial_id: int, outcome: Outcome) -> None:
        said = final(outcome)
        self._finish(trial_id, said.state, said.values, said.attributes)

    def skip(self, trial_id: int) -> None:
        """End the trial of a row that is not to be run."""
        self._finish(trial_id, TrialState.FAIL, None, {"outcome": "skipped"})

    def fail_orphans(self) -> None:
        """End the trials that a worker made and died before it could note them; only once no trial runs."""
        known = {row.trial_id for row in self._ledger.rows()}
        states = (TrialState.RUNNING, TrialState.WAITING)
        for trial in self._db.patiently(lambda: self._study.get_trials(deepcopy=False, states=states)):
            if trial._trial_id not in known:
                self._finish(trial._trial_id, TrialState.FAIL, None, _ORPHAN)

    def _finish(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None, attributes: Mapping[str, float | str]
    ) -> None:
        def finish() -> None:
            if attributes:
                self._db.write(lambda connection: put_attributes(connection, trial_id, attributes))
            self._db.storage.set_trial_state_values(trial_id, state, values)

        # It may have been mirrored before the crash that made us look again.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._db.patiently(finish)
