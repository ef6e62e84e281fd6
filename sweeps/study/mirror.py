"""Optuna's view of a study: trials for samplers, pruners and dashboards, always after the ledger."""

import contextlib
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.space import Point
from sweeps.study.storage import Database


class Mirror:
    """Writes trials to an Optuna study.

    Args:
        database: Where it is kept.
        study: The Optuna study.
    """

    def __init__(self, database: Database, study: optuna.Study) -> None:
        self._db, self._study = database, study

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

    def report(self, trial_id: int, value: float, step: int) -> bool:
        """Record an intermediate value; True when the pruner says stop."""

        def tell() -> bool:
            trial = optuna.trial.Trial(self._study, trial_id)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a later attempt repeats steps; Optuna keeps the first value
                trial.report(value, step)
            return trial.should_prune()

        return self._db.patiently(tell)

    def end(self, trial_id: int, outcome: Outcome) -> None:
        """Give a trial its final state; one that has it already stays as it is."""
        match outcome:
            case Completed(values=values):
                self._finish(trial_id, TrialState.COMPLETE, values)
            case Pruned(values=values):
                self._finish(trial_id, TrialState.PRUNED, values or None)
            case Failed(cause=cause, detail=detail):
                self._finish(trial_id, TrialState.FAIL, None, {"cause": cause, "detail": detail})

    def fail_orphans(self, known: Collection[Any]) -> None:
        """End the trials that a worker made and died before it could note them."""
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
