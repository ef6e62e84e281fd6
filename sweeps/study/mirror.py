"""Optuna's view of a study: trials for samplers, pruners and dashboards, always after the ledger."""

import contextlib
import math
import warnings
from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from sweeps import outcome as outcomes
from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.space import Point
from sweeps.study.ledger import Ledger
from sweeps.study.schema import rows
from sweeps.study.storage import Database

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

    def start(self, point: Point) -> int:
        """Make a running trial; returns its id."""
        # Optuna accepts no new category on a known axis, and a study may be extended by one: text stays an attribute.
        swept = {key: _param(point.overrides[key]) for key in point.varied}
        numbers = {key: value for key, value in swept.items() if isinstance(value, float)}
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(numbers),
            distributions={key: FloatDistribution(value, value) for key, value in numbers.items()},
            user_attrs={key: value for key, value in swept.items() if key not in numbers},
        )
        create = self._db.storage.create_new_trial
        return int(self._db.patiently(lambda: create(self._study._study_id, template_trial=template)))

    def should_prune(self, trial_id: int, value: float, step: int) -> bool:
        """Record an intermediate value; whether the pruner says stop."""

        def tell() -> bool:
            trial = optuna.trial.Trial(self._study, trial_id)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a later attempt repeats steps; Optuna keeps the first value
                trial.report(value, step)
            return trial.should_prune()

        return self._db.patiently(tell)

    def end(self, row_id: int, trial_id: int | None, outcome: Outcome) -> None:
        """Give the trial of a row its final state; one that has it already stays as it is."""
        if trial_id is not None:
            self._end(trial_id, outcome)
        self._ledger.mark_mirrored(row_id)

    def catch_up(self) -> None:
        """End the trials whose worker died between the ledger and Optuna's tables."""
        for row in self._ledger.rows(*_BEHIND):
            self.end(row.id, row.trial_id, outcomes.from_json(row.outcome))

    def behind(self) -> list[int]:
        """Numbers of ended trials whose outcome Optuna's tables may not have yet."""
        return [row.number for row in self._ledger.rows(*_BEHIND)]

    def _end(self, trial_id: int, outcome: Outcome) -> None:
        match outcome:
            case Completed(values=()):
                # Optuna's samplers fail at a complete trial without a value, and leave out a failed one.
                self._finish(trial_id, TrialState.FAIL, None, {"outcome": "completed without an objective"})
            case Completed(values=values):
                self._finish(trial_id, TrialState.COMPLETE, values)
            case Pruned(values=values):
                self._finish(trial_id, TrialState.PRUNED, values or None)
            case Failed(cause=cause, detail=detail):
                self._finish(trial_id, TrialState.FAIL, None, {"cause": cause, "detail": detail})

    def fail_orphans(self) -> None:
        """End the trials that a worker made and died before it could note them; only once no trial runs."""
        known = {row.trial_id for row in self._ledger.rows()}
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            if trial._trial_id not in known:
                self._finish(trial._trial_id, TrialState.FAIL, None)

    def _finish(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None, attrs: Mapping[str, str] | None = None
    ) -> None:
        def finish() -> None:
            for key, value in (attrs or {}).items():
                self._db.storage.set_trial_user_attr(trial_id, key, value)
            self._db.storage.set_trial_state_values(trial_id, state, values)

        # It may have been mirrored before the crash that made us look again.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._db.patiently(finish)


def _param(text: str) -> float | str:
    """A number where Optuna can store one, else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
