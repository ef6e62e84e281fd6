"""A worker claims trials of a study, runs each in a process of its own, and records how they ended."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType
from typing import Protocol

from sweeps.outcome import Cause, Outcome
from sweeps.study.records import Claim
from sweeps.study.study import Draw, Study
from sweeps.worker.child import Job
from sweeps.worker.memory import used_gb
from sweeps.worker.process import ProcessPool, RunningTrial
from sweeps.worker.verdict import failure, verdict

_POLL_S = 1.0
_MAX_BEAT_S = 2.0
_MAX_ORPHANED = 20
_TERMINATED = (-signal.SIGTERM, 128 + signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker treats its trials.

    Attributes:
        slots: Trials at a time.
        objectives: Metric names whose reports the pruner sees.
        max_retries: Further attempts after a failure that a retry can help.
        lease_s: Silence after which a trial of another machine is taken over.
        stop_grace_s: Time for a checkpoint after SIGTERM.
        trial_timeout_s: Longest wall time of one attempt; None: no limit.
        stall_timeout_s: Longest silence of a trial; None: no limit.
        trial_memory_gb: Most memory of a trial in units of 10^9 bytes; None: no limit.
    """

    slots: int
    objectives: tuple[str, ...]
    max_retries: int = 1
    lease_s: float = 30.0
    stop_grace_s: float = 20.0
    trial_timeout_s: float | None = None
    stall_timeout_s: float | None = None
    trial_memory_gb: float | None = None

    @property
    def beat_interval_s(self) -> float:
        """Several beats fit into a lease, so that a late one does not lose the trial."""
        return min(_MAX_BEAT_S, self.lease_s / 4)


class Observer(Protocol):
    """Learns what a worker does."""

    def started(self, trial: RunningTrial) -> None: ...

    def ended(self, trial: RunningTrial, outcome: Outcome) -> None: ...

    def tick(self) -> None:
        """Called about once a second."""
        ...


class Worker:
    """Works on a study until nothing is left of it.

    Args:
        study: The study.
        worker_id: Unique over all workers of the study.
        pool: Starts the trials' processes.
        make_job: What to run for a claim in a slot.
        draw: Asks the sampler for a point; None for a grid.
        options: How trials are treated.
        observers: Told of every start and end.
    """

    def __init__(
        self,
        study: Study,
        worker_id: str,
        pool: ProcessPool,
        make_job: Callable[[Claim, int], Job],
        draw: Draw | None,
        options: WorkerOptions,
        observers: Sequence[Observer],
    ) -> None:
        self._study, self._id, self._pool = study, worker_id, pool
        self._make_job, self._draw, self._options, self._observers = make_job, draw, options, observers
        self._running: list[RunningTrial] = []
        self._interrupted_by: int | None = None
        self._next_look = 0.0

    def run(self) -> int | None:
        """Work until every trial of the study has ended, here or elsewhere.

        Returns:
            The number of the signal that ended the work earlier, or None.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while self._interrupted_by is None and not self._is_over():
                self._step()
            self._hand_back()
        finally:
            for trial in self._running:
                trial.kill()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self._interrupted_by

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted_by is not None:
            for trial in self._running:
                trial.kill()
            raise SystemExit(128 + number)
        self._interrupted_by = number

    def _is_over(self) -> bool:
        return not self._running and time.monotonic() >= self._next_look and self._study.is_finished()

    def _step(self) -> None:
        if time.monotonic() >= self._next_look:
            self._study.reap(self._options.lease_s)
            self._fill()
            self._next_look = time.monotonic() + _POLL_S
        self._listen()
        for trial in list(self._running):
            self._attend(trial)
        for observer in self._observers:
            observer.tick()

    def _fill(self) -> None:
        free = set(range(self._options.slots)) - {trial.slot for trial in self._running}
        for slot in sorted(free):
            if self._interrupted_by is not None:
                return
            claim = self._study.claim(self._id, self._draw)
            if claim is None:
                return
            trial = self._pool.start(claim, self._make_job(claim, slot), slot)
            self._running.append(trial)
            for observer in self._observers:
                observer.started(trial)

    def _listen(self) -> None:
        """Wait until a trial speaks or ends, at most until something else is due."""
        sources = [source for trial in self._running for source in (trial.connection, trial.process.sentinel)]
        due = [self._next_look, *(trial.beat_at + self._options.beat_interval_s for trial in self._running)]
        pause_s = max(0.0, min(_POLL_S, min(due) - time.monotonic()))
        if sources:
            wait(sources, timeout=pause_s)
        else:
            time.sleep(pause_s)
        for trial in self._running:
            self._hear(trial)

    def _hear(self, trial: RunningTrial) -> None:
        for kind, content in trial.receive():
            if kind == "report":
                self._on_report(trial, *content)
            elif kind in ("returned", "pruned", "raised"):
                trial.ending = (kind, content)

    def _on_report(self, trial: RunningTrial, metrics: dict[str, float], step: int) -> None:
        trial.progress = {**metrics, "step": step}
        objective = self._options.objectives[0] if self._options.objectives else None
        if objective in metrics and self._study.report(trial.claim, metrics[objective], step):
            trial.prune()

    def _attend(self, trial: RunningTrial) -> None:
        if trial.process.exitcode is not None:
            self._hear(trial)  # what it said between our last look and its end
            self._conclude(trial)
        elif self._is_too_long(trial.age_s, self._options.trial_timeout_s):
            self._end_late(trial, "timeout", f"no end after {trial.age_s:.0f} s (study.trial_timeout_s)")
        elif self._is_too_long(trial.silence_s, self._options.stall_timeout_s):
            self._end_late(trial, "hung", f"no sign of progress for {trial.silence_s:.0f} s (study.stall_timeout_s)")
        else:
            self._beat(trial)

    def _beat(self, trial: RunningTrial) -> None:
        """Say that the trial runs, if that is due; stop it where it uses too much or is another worker's now."""
        if time.monotonic() - trial.beat_at < self._options.beat_interval_s:
            return
        trial.beat_at = time.monotonic()
        limit_gb = self._options.trial_memory_gb
        if limit_gb is not None and (gb := used_gb(trial.process.pid)) > limit_gb:
            self._end_late(trial, "out_of_memory", f"{gb:.1f} GB of memory in use (study.trial_memory_gb)")
        elif not self._study.beat(trial.claim, trial.progress):
            self._remove(trial)

    def _is_too_long(self, elapsed_s: float, limit_s: float | None) -> bool:
        return limit_s is not None and elapsed_s > limit_s

    def _end_late(self, trial: RunningTrial, cause: Cause, detail: str) -> None:
        trial.kill()
        self._settle(trial, failure(trial, cause, detail))

    def _conclude(self, trial: RunningTrial) -> None:
        code = trial.process.exitcode
        was_asked = trial.stopped_at is not None or code in _TERMINATED
        is_orphan = trial.has_lost_its_server and trial.claim.attempt < _MAX_ORPHANED
        if trial.ending is None and (was_asked or is_orphan):
            # Asked to stop by whoever runs the machine, or gone with its server: nothing is wrong with the trial. One
            # that takes the server down every time is no orphan.
            self._study.give_back(trial.claim, trial.age_s)
            self._remove(trial)
            return
        self._settle(trial, verdict(trial, self._options.objectives, len(self._study.directions)))

    def _settle(self, trial: RunningTrial, outcome: Outcome) -> None:
        if self._study.may_retry(trial.claim, outcome, self._options.max_retries):
            self._study.give_back(trial.claim, trial.age_s, as_retry=True)
        elif self._study.tell(trial.claim, outcome):
            for observer in self._observers:
                observer.ended(trial, outcome)
        self._remove(trial)

    def _remove(self, trial: RunningTrial) -> None:
        trial.kill()
        self._running.remove(trial)
        self._next_look = 0.0

    def _hand_back(self) -> None:
        for trial in self._running:
            trial.stop()
        deadline = time.monotonic() + self._options.stop_grace_s
        while self._running and time.monotonic() < deadline:
            wait([trial.process.sentinel for trial in self._running], timeout=0.2)
            for trial in list(self._running):
                self._hear(trial)
                if trial.process.exitcode is not None:
                    self._conclude(trial)
                else:
                    self._beat(trial)
        for trial in list(self._running):
            trial.kill()
            self._study.give_back(trial.claim, trial.age_s)
            self._remove(trial)
