"""A study as a sampler sees it: an Optuna study in memory with one trial per point, whatever its number of seeds.

It is made of the ledger anew for each draw. So a draw depends on nothing that a worker remembers, and no row of
Optuna's tables has to be written before it.
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import fmean
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps import outcome as outcomes
from sweeps.outcome import Completed, Outcome, Pruned
from sweeps.seeds import with_seeds
from sweeps.space import Point, Space, is_key
from sweeps.study.axes import place_in
from sweeps.study.configurations import Identify
from sweeps.study.records import point_of
from sweeps.values import typed, value_of

_NO_TIME = datetime(1970, 1, 1)

_OF_STUDY = "qmc:"
"""What a sampler notes of the whole study, and cannot find out again from its trials."""


class _Unchanging(FrozenTrial):
    """A trial that nobody changes. Optuna copies each that it gets, which would be most of the time of a draw."""

    def __deepcopy__(self, memo: Any) -> "_Unchanging":
        return copy.copy(self)


class Seen:
    """Makes Optuna's view of the points that lie in a space.

    Args:
        space: What is searched.
        distributions: What there is to draw from, by key.
        identify: Gives a point its identity.
    """

    def __init__(self, space: Space, distributions: Mapping[str, BaseDistribution], identify: Identify) -> None:
        self._space, self._distributions, self._identify = space, distributions, identify
        self._others = self._rest(space.point({axis.key: axis.values[0] for axis in space.axes}))
        self._known: dict[tuple[Any, ...], FrozenTrial | None] = {}

    def study(self, directions: Sequence[StudyDirection], rows: Iterable[Any]) -> optuna.Study:
        """The study in memory.

        Args:
            directions: Of its objectives.
            rows: Of the ledger, by number; first those of other studies that it learns from.
        """
        groups: dict[str, list[Any]] = {}
        for row in rows:
            if row.overrides is not None:
                groups.setdefault(f"{row.study_key} {row.cell or row.key}", []).append(row)
        storage = optuna.storages.InMemoryStorage()
        study = optuna.create_study(storage=storage, directions=list(directions))
        trials = (self._trial(group, len(directions)) for group in groups.values())
        study.add_trials([trial for trial in trials if trial is not None])
        drawn = [row for group in groups.values() for row in group if row.drawn]
        for key, value in _noted(max(drawn, key=lambda row: row.number)).get("study", {}).items() if drawn else ():
            storage.set_study_system_attr(study._study_id, key, value)
        return study

    def params(self, point: Point) -> dict[str, Any] | None:
        """The parameters of a point; None where it lies outside of the space."""
        texts = {key.lstrip("+"): text for key, text in point.leaves.overrides.items()}
        idle = self._space.rules.idle(point.overrides)
        found = {}
        for key, distribution in self._distributions.items():
            if key in idle:
                continue
            text = texts.get(key.lstrip("+"))
            place = None if text is None else place_in(distribution, key, text)
            if place is None:
                return None
            found[key] = place
        return found if self._is_same_otherwise(point, found) else None

    def again(self, point: Point) -> Point | None:
        """The point of this line at the place of one that was drawn; None where it lies outside of what is searched."""
        params = self.params(point)
        if params is None:
            return None
        values = {axis.key: str(params.get(axis.key, axis.values[0])) for axis in self._space.axes}
        made = self._space.point(values)
        return made if self._space.rules.allow(made.overrides) else None

    def of_draw(self, rows: Sequence[Any]) -> list[Point] | None:
        """What this line trains of a draw: a point per seed. Empty before it is drawn, None of another search's.

        Args:
            rows: Those of the draw.
        """
        drawn = next((row for row in rows if row.overrides is not None), None)
        point = None if drawn is None else point_of(drawn)
        if point is None:
            return []
        made = self.again(point)
        return None if made is None else [self._identify(one) for one in with_seeds(self._space, made)]

    def _trial(self, group: Sequence[Any], num_values: int) -> FrozenTrial | None:
        key = tuple((row.id, row.state, row.attempt, bool(row.drawn)) for row in group)
        if key not in self._known:
            self._known[key] = self._made(group, num_values)
        return self._known[key]

    def _made(self, group: Sequence[Any], num_values: int) -> FrozenTrial | None:
        point = point_of(group[0])
        params = self.params(point) if point is not None else None
        if params is None:
            return None
        state, values, reports = _together(group, num_values)
        return _Unchanging(
            number=-1,
            trial_id=-1,
            state=state,
            value=None,
            values=values,
            datetime_start=_NO_TIME,
            datetime_complete=_NO_TIME if state.is_finished() else None,
            params=params,
            distributions={key: self._distributions[key] for key in params},
            user_attrs={},
            system_attrs=next((_noted(row).get("trial", {}) for row in group if row.drawn), {}),
            intermediate_values=reports or {},
        )

    def _is_same_otherwise(self, point: Point, params: Mapping[str, Any]) -> bool:
        """Whether what is not drawn is as in the space, in these words or in others that compose to the same."""
        if self._rest(point) == self._others:
            return True
        values = {axis.key: str(params.get(axis.key, axis.values[0])) for axis in self._space.axes}
        return bool(point.cell) and self._identify(self._space.point(values)).cell == point.cell

    def _rest(self, point: Point) -> dict[str, str]:
        drawn = {key.lstrip("+") for key in self._distributions}
        seeds = self._space.seeds
        return {
            key.lstrip("+"): typed(value_of(key, text))
            for key, text in point.leaves.overrides.items()
            if key.lstrip("+") not in drawn and not (seeds and is_key(key, seeds.key.lstrip("+")))
        }


def noted_by(study: optuna.Study, trial_id: int) -> str:
    """What the sampler has noted of a draw, as a row keeps it; empty where it has noted nothing."""
    of_trial = study._storage.get_trial(trial_id).system_attrs
    of_study = study._storage.get_study_system_attrs(study._study_id)
    kept = {key: value for key, value in of_study.items() if key.startswith(_OF_STUDY)}
    return json.dumps({"trial": of_trial, "study": kept}) if of_trial or kept else ""


def _noted(row: Any) -> dict[str, Any]:
    noted: dict[str, Any] = json.loads(row.drawn or "{}")
    return noted


def _together(group: Sequence[Any], num_values: int) -> tuple[TrialState, list[float] | None, dict[int, float] | None]:
    """State, values and last report of a point: the means of its seeds, once the last of them has ended."""
    group = [row for row in group if row.state != "skipped"]
    ended = [outcomes.from_json(row.outcome) for row in group if row.outcome]
    if len(ended) < len(group):
        return TrialState.RUNNING, None, None
    for kind, state in ((Completed, TrialState.COMPLETE), (Pruned, TrialState.PRUNED)):
        found = [one.values for one in ended if isinstance(one, kind) and len(one.values) == num_values]
        if found:
            means = [fmean(values) for values in zip(*found, strict=True)]
            return state, means, _reports(group, ended, means) if kind is Pruned else None
    return TrialState.FAIL, None, None


def _reports(group: Sequence[Any], ended: Sequence[Outcome], means: Sequence[float]) -> dict[int, float] | None:
    """The last value of a pruned point, at the step that it has reached."""
    pruned = [row for row, one in zip(group, ended, strict=True) if isinstance(one, Pruned)]
    steps = [json.loads(row.progress or "{}").get("step", 0) for row in pruned]
    return {int(max(steps)): means[0]} if len(means) == 1 else None
