"""A worker claims trials of a study, runs each in a process of its own, and records how they ended."""

import logging
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from sweeps.errors import SweepsError, SweepStopped, first_line
from sweeps.outcome import Cause
from sweeps.settings import StudySettings
from sweeps.study.records import TrialStarted
from sweeps.study.study import Study
from sweeps.worker.attempt import Attempt, Starter
from sweeps.worker.brake import Brake
from sweeps.worker.course import Course
from sweeps.worker.hearing import hear
from sweeps.worker.interruption import Interruption
from sweeps.worker.mates import Mates
from sweeps.worker.observers import Observer, Observers
from sweeps.worker.placement import Place, free_of
from sweeps.worker.settlement import Settlement
from sweeps.worker.verdict import overrun_of

if TYPE_CHECKING:
    from sweeps.study.draws import Draws

log = logging.getLogger(__name__)

_POLL_S = 1.0
"""Longest time between two looks at the study."""

_MAX_BEAT_S = 2.0
"""Longest time between two beats, also where the lease is long: `sweeps show` is never older."""

_MAX_LINGERING_S = 5.0
"""How long a trial's process may go on after the trial's last word, as with a thread that is left behind."""


class Worker:
    """Works on a study until nothing is left of it.

    Args:
        study: The study.
        worker_id: Unique over all workers of the study.
        places: Where its trials run, one trial in each.
        start: Starts the process of a claimed trial.
        draw: Asks the sampler for a point; None for a grid.
        settings: How trials are treated.
        observers: Learn of every start and end.
        lack: Says why trials cannot write, or None where they can; asked before each claim.
        until: When it hands its trials back, in seconds since the epoch; None: never.
        should_terminate: Whether Optuna's terminator says that more trials would not help; None: there is none.
        mates: Claims the trials that share a process with another; None: none does.
        get_ready: Called while all places are in use and trials are left, to prepare the start of the next one.
    """

    def __init__(
        self,
        study: Study,
        worker_id: str,
        places: Sequence[Place],
        start: Starter,
        settings: StudySettings,
        draw: "Draws | None" = None,
        observers: Sequence[Observer] = (),
        lack: Callable[[], str | None] = lambda: None,
        until: float | None = None,
        should_terminate: Callable[[], bool] | None = None,
        mates: Mates | None = None,
        get_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._study, self._id, self._settings, self._mates = study, worker_id, settings, mates
        self._places, self._start, self._draw, self._get_ready = places, start, draw, get_ready
        # Several beats fit into a lease, so that a late one does not lose the trial.
        self._beat_interval_s = min(_MAX_BEAT_S, settings.lease_s / 4)
        self._running: list[Attempt] = []
        self._interruption = Interruption(self._kill_all, until)
        self._observers = Observers(observers, lambda: self._interruption.ask(signal.SIGPIPE))
        self._brake = Brake(settings.max_failures, lack)
        goal = partial(study.goal, is_searched=draw is not None)
        self._settlement = Settlement(study, settings, goal, self._brake, self._observers)
        self._course, self._next_look = Course(study, should_terminate), 0.0

    def run(self) -> int | None:
        """Work until every trial of the study has ended, here or elsewhere, or the study is to end or stop.

        Returns:
            The number of the signal that ended the work earlier, or None.

        Raises:
            SweepStopped: Too much has failed, or there is no disk.
        """
        with self._interruption:
            try:
                while not self._is_stopping and not self._is_over():
                    self._step()
                self._hand_back(self._interruption.reason or f"its worker gave up: {self._brake.reason}")
                self._course.close()
            finally:
                self._kill_all()
        if self._brake.reason is not None and self._interruption.by is None:
            raise SweepStopped(f"{self._brake.reason}. Nothing more is started; the same command continues.")
        return self._interruption.by

    @property
    def _is_stopping(self) -> bool:
        return self._interruption.by is not None or self._brake.reason is not None

    def _is_over(self) -> bool:
        if not self._running:
            self._look()
        return not self._running and self._course.now.is_at_rest

    def _look(self) -> None:
        """Look at the study, if that is due, and do what it wants."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _POLL_S
        now, num_own = self._course.look(self._held), sum(len(attempt.members) for attempt in self._running)
        if now.held > num_own and self._study.reap(self._settings.lease_s, self._id):
            now = self._course.look(self._held)
        if now.wanted in ("pause", "stop") and self._running:
            self._hand_back(now.why)
        else:
            self._fill()

    def _step(self) -> None:
        for attempt in list(self._running):
            self._guarded(attempt, self._attend)  # it beats before it judges others by their beats
        self._look()
        if not self._is_over():  # the last trial may have ended since
            self._listen()
        self._observers.tick()

    def _fill(self) -> None:
        for place in free_of(self._places, self._held):
            may_start = self._course.may_start and self._brake.may_claim(is_idle=not self._running)
            if self._is_stopping or not may_start:
                return
            if (claim := self._study.claim(self._id, self._draw)) is None:
                return
            claims = [claim]
            if self._mates is not None:
                running = [member.claim for attempt in self._running for member in attempt.members.values()]
                claims = self._mates.of(claim, self._draw, len(self._places), running, self._course.room)
            self._course.hold(self._held)
            self._course.started(len(claims))
            self._running.append(self._start(claims, place))
            for claim in claims:
                self._observers.notice(TrialStarted(number=claim.number, attempt=claim.attempt, point=claim.point))

    def _listen(self) -> None:
        """Wait until a trial speaks or ends, at most until something else is due."""
        if self._course.may_go_on and not self._is_stopping:
            self._get_ready()
        sources = [source for attempt in self._running for source in attempt.process.sources]
        due = [self._next_look, *(attempt.beat_at + self._beat_interval_s for attempt in self._running)]
        if self._settings.trial_memory_gb is not None:
            due += [attempt.memory.due_at for attempt in self._running]
        pause_s = max(0.0, min(_POLL_S, min(due) - time.monotonic()))
        wait(sources, timeout=pause_s) if sources else time.sleep(pause_s)
        for attempt in list(self._running):
            self._guarded(attempt, self._hear)

    def _guarded(self, attempt: Attempt, step: Callable[[Attempt], None]) -> None:
        """Whatever comes from a trial can at worst end that trial; what fails in the study itself passes."""
        try:
            step(attempt)
        except SweepsError:
            raise
        except Exception as error:
            log.exception("the report of trials %s", list(attempt.members))
            if attempt in self._running:
                self._end(attempt, "error", f"error in its report: {type(error).__name__}: {first_line(error)}")

    def _hear(self, attempt: Attempt) -> None:
        hear(attempt, self._study)
        self._settlement.release(attempt)

    def _attend(self, attempt: Attempt) -> None:
        if attempt.has_ended or attempt.lingering_s > _MAX_LINGERING_S:
            self._hear(attempt)  # what it said between our last look and its end
            self._conclude(attempt)
        elif (overrun := overrun_of(attempt, self._settings)) is not None:
            self._hear(attempt)  # it may have ended in time, while the database kept the worker waiting
            self._end(attempt, *overrun)
        else:
            self._beat(attempt)

    def _beat(self, attempt: Attempt) -> None:
        """Say that its trials run, if that is due; end it where it uses too much or is another worker's now."""
        limit_gb = self._settings.trial_memory_gb
        if (gb := attempt.memory.excess_gb(limit_gb and limit_gb * len(attempt.members))) is not None:
            self._end(attempt, "out_of_memory", f"{gb:.2f} GB of memory in use (study.trial_memory_gb)")
            return
        if time.monotonic() - attempt.beat_at >= self._beat_interval_s:
            attempt.beat_at = time.monotonic()
            for number, member in list(attempt.members.items()):
                if not self._study.beat(member.claim, attempt.told(member)):
                    self._lose(attempt, number)

    def _lose(self, attempt: Attempt, number: int) -> None:
        """Let go of a trial that is another worker's now, or that nobody wants; others of its process go on."""
        member = attempt.members[number]
        if len(attempt.members) > 1:
            attempt.prune(number)
            attempt.drop(number)
        else:
            self._remove(attempt)
        self._settlement.lose(member)

    def _end(self, attempt: Attempt, cause: Cause, detail: str) -> None:
        self._settlement.end(attempt, cause, detail)
        self._remove(attempt)

    def _conclude(self, attempt: Attempt) -> None:
        self._settlement.conclude(attempt)
        self._remove(attempt)

    @property
    def _held(self) -> list[Place]:
        return [attempt.place for attempt in self._running]

    def _kill_all(self) -> None:
        for attempt in self._running:
            attempt.process.kill()

    def _remove(self, attempt: Attempt) -> None:
        attempt.process.kill()
        self._course.hold(self._held)
        self._running.remove(attempt)
        self._next_look = 0.0

    def _hand_back(self, why: str) -> None:
        for is_urgent in (False, True):
            for attempt in self._running:
                attempt.stop(why, is_urgent)
            deadline = time.monotonic() + self._settings.stop_grace_s / 2
            while self._running and time.monotonic() < deadline:
                wait([source for attempt in self._running for source in attempt.process.sources[1:]], timeout=0.2)
                for attempt in list(self._running):
                    self._guarded(attempt, self._hear)
                    if attempt in self._running:
                        self._guarded(attempt, self._conclude if attempt.has_ended else self._beat)
        for attempt in list(self._running):
            self._settlement.cut_short(attempt, f"{why}, and it was killed after study.stop_grace_s")
            self._remove(attempt)
