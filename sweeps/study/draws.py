"""Draws the points of a search: each once, with all its seeds."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from sweeps.errors import StudyError, first_line
from sweeps.seeds import unseeded, with_seeds
from sweeps.space import Point, Space
from sweeps.study.configurations import Identify
from sweeps.study.distributions import choices_in, drawn_from
from sweeps.study.records import point_of
from sweeps.study.seen import Seen, noted_by

_MAX_TRIES, _MAX_RANDOM_TRIES = 5, 1000
"""Draws of the sampler that may give what is known or not allowed, and then draws at random: a sampler that is sure of
the best point gives it again and again."""

_MAX_COUNTED = 100_000
"""Points that a space may have for its last ones to be looked for one by one."""

MakeSampler = Callable[[int | None], BaseSampler]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was drawn.

    Attributes:
        points: One per seed.
        noted: What the sampler has noted of itself, as a row keeps it.
    """

    points: tuple[Point, ...]
    noted: str = ""


class Draws:
    """Draws points of a space.

    A fresh sampler is seeded with the study's seed and the place of the draw, so that two workers never draw the same
    random points and the draws of a resumed study do not depend on how it was cut.

    Args:
        space: The dimensions.
        distributions: What there is to draw from, by key.
        sampler: Makes the sampler of a seed.
        seed: The study's; None: each draw is another one.
        identify: Gives a point its identity.
        first: Parameters of the first draws; what one leaves out is drawn.
        like: Rows of another study that the sampler learns from.
    """

    def __init__(
        self,
        space: Space,
        distributions: Mapping[str, BaseDistribution],
        sampler: MakeSampler,
        seed: int | None,
        identify: Identify,
        first: Sequence[Mapping[str, Any]] = (),
        like: Sequence[Any] = (),
    ) -> None:
        self._first, self._like = first, like
        self._space, self._distributions, self._sampler = space, distributions, sampler
        self._seed, self._identify = seed, identify
        self._seen = Seen(space, distributions, identify)

    def draw(self, directions: Sequence[StudyDirection], rows: Sequence[Any], place: int) -> Drawn | None:
        """The point of a draw; None where the space has no other.

        Args:
            directions: Of the objectives.
            rows: Of the study's configuration of today, by number.
            place: Which draw it is.

        Raises:
            StudyError: No point was found that is new and allowed, in a space without end.
        """
        begun = next((row for row in rows if row.draw == place and row.overrides is not None), None)
        if begun is not None and (point := point_of(begun)) is not None:
            return self._with_seeds(self._seen.again(point) or unseeded(self._space, point))
        known = {row.identity or row.key for row in rows}
        study = self._seen.study(directions, (*self._like, *rows))
        if (rank := self._rank(rows, place)) < len(self._first):
            study.enqueue_trial(dict(self._first[rank]))
        for tried in range(_MAX_TRIES):
            study.sampler = self._sampler(self._seed_of(place, tried))
            point, trial = self._asked(study)
            drawn = self._with_seeds(point, noted_by(study, trial._trial_id))
            if self._is_new(drawn, known):
                return drawn
            self._tell(study, trial, point)
        if (every := self._every(place)) is not None:
            left = self._left(every, rows)
        else:
            study.sampler = RandomSampler(self._seed_of(place, _MAX_TRIES))
            left = (self._with_seeds(self._asked(study)[0]) for _ in range(_MAX_RANDOM_TRIES))
        found = next((drawn for drawn in left if self._is_new(drawn, known)), None)
        if found is None and every is None:
            raise StudyError(f"No new point was found in {_MAX_RANDOM_TRIES} draws: study.constraints may allow none.")
        return found

    def check(self, num_values: int) -> None:
        """Ask once, for a study that is not there yet.

        Args:
            num_values: How many values a result has.

        Raises:
            StudyError: The sampler cannot draw, or its rules allow no point.
        """
        study = optuna.create_study(directions=["minimize"] * num_values)
        study.sampler = self._sampler(self._seed_of(0, 0))
        try:
            point, _ = self._asked(study)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise StudyError(f"study.sampler: it cannot draw: {first_line(error)}") from error
        study.sampler = RandomSampler(0)
        others = (self._asked(study)[0] for _ in range(_MAX_RANDOM_TRIES))
        if not any(self._space.rules.allow(one.overrides) for one in itertools.chain([point], others)):
            raise StudyError(f"study.constraints: none of {_MAX_RANDOM_TRIES} points drawn at random obeys them.")

    def _rank(self, rows: Sequence[Any], place: int) -> int:
        """How many draws of this search there are before a place."""
        if not self._first:
            return 0
        points = {row.draw: point_of(row) for row in rows if row.draw is not None and row.draw < place}
        return sum(point is None or self._seen.again(point) is not None for point in points.values())

    def _seed_of(self, place: int, tried: int) -> int | None:
        return None if self._seed is None else hash((self._seed, place, *([tried] if tried else []))) % 2**32

    def _asked(self, study: optuna.Study) -> tuple[Point, optuna.Trial]:
        trial = study.ask()
        values = {axis.key: axis.values[0] for axis in self._space.axes}
        for key in self._space.in_order:
            if key not in self._space.rules.idle(self._space.point(values).overrides | self._space.fixed):
                values[key] = str(drawn_from(trial, key, self._distributions[key]))
        return self._space.point(values), trial

    def _with_seeds(self, point: Point, noted: str = "") -> Drawn:
        points = tuple(self._identify(one) for one in with_seeds(self._space, point))
        return Drawn(points=points, noted=noted)

    def _is_new(self, drawn: Drawn, known: set[str]) -> bool:
        is_allowed = self._space.rules.allow(drawn.points[0].overrides)
        return is_allowed and not any((point.identity or point.key) in known for point in drawn.points)

    def _tell(self, study: optuna.Study, trial: optuna.Trial, point: Point) -> None:
        """Let the sampler know what becomes of a draw that is no new point: what its first one has reached."""
        params = self._seen.params(point)
        ended = (one for one in study.get_trials(deepcopy=False) if one.state == TrialState.COMPLETE)
        same = next((one for one in ended if one.params == params), None)
        # Not by `tell`, by which a sampler may stop Optuna's own loop.
        state, values = (TrialState.COMPLETE, same.values) if same else (TrialState.FAIL, None)
        study._storage.set_trial_state_values(trial._trial_id, state, values)

    def _every(self, place: int) -> list[dict[str, Any]] | None:
        """All combinations of the values, those at a place first; None where they have no end."""
        choices = {key: choices_in(one, _MAX_COUNTED) for key, one in self._distributions.items()}
        values = [found for found in choices.values() if found is not None]
        if len(values) < len(choices) or math.prod(map(len, values)) > _MAX_COUNTED:
            return None
        every = [dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*values)]
        first = hash((self._seed or 0, place)) % len(every)
        return [*every[first:], *every[:first]]

    def _left(self, every: Sequence[Mapping[str, Any]], rows: Sequence[Any]) -> Iterator[Drawn]:
        """The points among these that nobody has drawn."""
        taken = [self._seen.params(point) for point in map(point_of, rows) if point is not None]
        known = {_key(params) for params in taken if params is not None}
        for values in every:
            point = self._space.point({key: str(value) for key, value in values.items()})
            params = self._seen.params(point)
            if params is not None and _key(params) not in known:
                known.add(_key(params))
                yield self._with_seeds(point)


def _key(params: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple((key, type(value).__name__, value) for key, value in sorted(params.items()))
