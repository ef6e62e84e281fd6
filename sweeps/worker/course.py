"""What its study wants of a worker, and whether the study has reached one of its limits; looked at once a second."""

import sys
import time
from collections.abc import Callable, Iterable

from sweeps.errors import first_line
from sweeps.output import counted
from sweeps.study.feed import Feed
from sweeps.study.limits import Limits, Reached
from sweeps.study.standing import standing
from sweeps.study.study import Study
from sweeps.study.will import Look
from sweeps.worker.meter import Meter
from sweeps.worker.placement import Place

_TELL_S = 10.0
"""Longest time between two writes of what is used; with a limit of time each look writes it."""

_CHEAP_S, _SHARE = 0.1, 0.05
"""A look at results that takes longer than that is not repeated until it was this part of the time."""


class Course:
    """Looks at a study for one worker. Whoever sees first that a limit is reached writes it for all.

    Args:
        study: The study.
        should_terminate: Asks the terminator of `study.terminator`; None where there is none.
    """

    def __init__(self, study: Study, should_terminate: Callable[[], bool] | None = None) -> None:
        self._study, self._should_terminate = study, should_terminate
        self._feed = Feed(study.database, study.facts.get("key", ""))
        self._meter = Meter()
        self._told_at = time.monotonic()
        self._next_judgement = 0.0
        self._judged: int | None = None
        self._room: int | None = None
        self._num_started = 0
        self.now = Look()
        """The study at the last look."""

    @property
    def may_start(self) -> bool:
        """Whether another trial may be started."""
        return self.now.wanted == "run" and self.now.open > 0 and self._room != 0

    @property
    def may_go_on(self) -> bool:
        """Whether another one may be, once a place is free, of what was open at the last look."""
        return self.may_start and self.now.open > self._num_started

    @property
    def room(self) -> int | None:
        """How many more trials the study may start before it has reached its limit; None: it has none."""
        return self._room

    def started(self, num: int) -> None:
        """So many were."""
        self._num_started += num
        if self._room is not None:
            self._room -= num

    def hold(self, held: Iterable[Place]) -> None:
        """Say which places have been in use until now; called before that changes."""
        self._meter.advance(held)

    def close(self) -> None:
        """Tell the study what was used, if anything was; nothing runs here any more."""
        self.hold(())
        self._tell()

    def look(self, held: Iterable[Place]) -> Look:
        """Tell the study what was used, look at it, and end it where it has reached a limit.

        Args:
            held: As in `hold`.
        """
        self.hold(held)
        if Limits.stored(self.now.limits).are_of_time or time.monotonic() - self._told_at > _TELL_S:
            self._tell()
        self.now, self._num_started = self._study.look(), 0
        limits = Limits.stored(self.now.limits)
        if self.now.wanted == "run" and not self.now.is_finished and (reached := self._reached(limits)):
            self._study.will.want(reached.wanted, reached.why, only_if="run")
            self.now = self._study.look()
        self._room = limits.room(self.now)
        return self.now

    def _tell(self) -> None:
        used = self._meter.take()
        self._told_at = time.monotonic()
        if used.worked_s:
            self._study.will.add_used(used.worked_s, used.core_s, used.gpu_s)

    def _reached(self, limits: Limits) -> Reached | None:
        return limits.reached(self.now) or self._judgement(limits)

    def _judgement(self, limits: Limits) -> Reached | None:
        """The limit that the results have reached, where there is a new one."""
        began = time.monotonic()
        is_asked = limits.are_of_values or self._should_terminate is not None
        if not is_asked or self.now.done == self._judged or began < self._next_judgement:
            return None
        self._judged = self.now.done
        reached = (self._of_values(limits) if limits.are_of_values else None) or self._of_terminator()
        if (cost_s := time.monotonic() - began) > _CHEAP_S:
            self._next_judgement = began + cost_s / _SHARE
        return reached

    def _of_values(self, limits: Limits) -> Reached | None:
        self._feed.look()
        directions = self._study.directions
        found = standing(self._feed.trials, self._feed.ended, directions)
        if limits.target and (values := found.reaches(limits.target, directions)) is not None:
            aimed, reached = (", ".join(f"{value:.6g}" for value in each) for each in (limits.target, values))
            return Reached(wanted="end", why=f"study.target={aimed}: a point has {reached}")
        if limits.patience is not None and found.num_since >= limits.patience:
            none_better = f"{counted(found.num_since, 'point')} without a better one"
            return Reached(wanted="end", why=f"study.patience={limits.patience}: {none_better}")
        return None

    def _of_terminator(self) -> Reached | None:
        if self._should_terminate is None:
            return None
        try:
            is_over = self._should_terminate()
        except Exception as error:  # of Optuna's, or of an evaluator's that the user has written
            self._should_terminate = None
            sys.stderr.write(f"Warning: study.terminator has failed and ends nothing: {first_line(error)}.\n")
            return None
        why = "study.terminator: it says that more trials would not help"
        return Reached(wanted="end", why=why) if is_over else None
