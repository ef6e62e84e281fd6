"""What a worker records of an attempt that is over."""

import sys
from collections.abc import Callable

from sweeps.outcome import Cause, Goal
from sweeps.settings import StudySettings
from sweeps.study.records import TrialHandedBack
from sweeps.study.requeue import Ended, Ending, Finish, Stopped
from sweeps.study.study import Study
from sweeps.trial.signed import signed
from sweeps.worker.attempt import Attempt, Member
from sweeps.worker.brake import Brake
from sweeps.worker.observers import Observers
from sweeps.worker.verdict import failure, fault, notice_of, verdict


class Settlement:
    """Ends the process of an attempt, and settles each of its trials.

    Args:
        study: The study.
        settings: How trials are treated.
        goal: What the study wants of a task, asked each time.
        brake: Learns of failures.
        observers: Learn of every end.
    """

    def __init__(
        self, study: Study, settings: StudySettings, goal: Callable[[], Goal], brake: Brake, observers: Observers
    ) -> None:
        self._study, self._settings, self._goal = study, settings, goal
        self._brake, self._observers = brake, observers

    def conclude(self, attempt: Attempt) -> None:
        """Settle an attempt whose process has ended, or has said its last word."""
        attempt.process.kill()  # with all that it has left behind
        for member in attempt.members.values():
            self._settle(attempt, member, verdict(attempt, member, self._goal()))

    def release(self, attempt: Attempt) -> None:
        """Settle the trials that have said their last word while others of their process go on."""
        ended = [number for number in attempt.members if number not in attempt.silent]
        for number in ended if attempt.silent else ():
            member = attempt.members[number]
            self._settle(attempt, member, verdict(attempt, member, self._goal()))
            attempt.drop(number)

    def end(self, attempt: Attempt, cause: Cause, detail: str) -> None:
        """End an attempt for a fault; a trial whose task has ended before keeps what came of it."""
        attempt.process.kill()
        for member in attempt.members.values():
            ending = fault(attempt, member, failure(attempt, member, cause, detail))
            self._settle_unless_over(attempt, member, ending)

    def cut_short(self, attempt: Attempt, why: str) -> None:
        """End an attempt that has not stopped in time; any worker may continue its trials."""
        attempt.process.kill()
        for member in attempt.members.values():
            self._settle_unless_over(attempt, member, Stopped(why=why))

    def lose(self, member: Member) -> None:
        """Let go of a trial that is not this worker's any more."""
        if self._study.skipping.has(member.claim):
            self._observers.notice(TrialHandedBack(number=member.claim.number))

    def _settle_unless_over(self, attempt: Attempt, member: Member, ending: Ending) -> None:
        is_over = member.last_word is not None  # its task has ended, its process has not
        self._settle(attempt, member, verdict(attempt, member, self._goal()) if is_over else ending)

    def _settle(self, attempt: Attempt, member: Member, ending: Ending) -> None:
        worked_s, max_retries = attempt.worked_s(member), self._settings.max_retries
        if isinstance(ending, Ended):
            outcome, code = signed(ending.outcome, member.files.journal)
            self._study.know_code(code)
            ending = Ended(outcome=outcome)
        decision = self._study.settle(member.claim, ending, worked_s, max_retries, member.files)
        if isinstance(ending, Ended) and decision is not None:
            self._brake.note(ending.outcome, is_final=isinstance(decision, Finish))
            if line := self._study.silence(member.claim, {**ending.outcome.metrics, **member.progress}):
                sys.stderr.write(f"Warning: {line}\n")
        if decision is not None:
            self._observers.notice(notice_of(member.claim.number, decision))
