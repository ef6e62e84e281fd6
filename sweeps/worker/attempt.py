"""One attempt: a process, the place it runs in, and the trials that it runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sweeps.study.records import AGE, DONE, GROUP, Claim
from sweeps.trial.files import TrialFiles
from sweeps.worker.memory import MemoryWatch, num_oom_kills
from sweeps.worker.messages import FromTrial, GaveUp, LastWord, Progressed, Prune, Raised, Returned
from sweeps.worker.placement import Place
from sweeps.worker.process import TrialProcess

_LOOK_S = 1.0
"""Longest time between two looks of a worker that waits for nothing."""


@dataclass(slots=True)
class Member:
    """One trial of an attempt, and what it has said.

    Attributes:
        claim: The right to run it.
        files: Its files.
        progress: The last value of each metric that it has reported, with the last `step`.
        done: Part of its work that it says is done, 0 to 1; None where it does not say.
        last_word: How its task ended; None while it runs, or where it died without a word.
    """

    claim: Claim
    files: TrialFiles
    progress: dict[str, Any] = field(default_factory=dict)
    done: float | None = None
    last_word: LastWord | None = None


class Attempt:
    """Trials that run in one process: one, or several that are fused.

    Args:
        members: The trials.
        place: Where they run.
        process: Their process.
        began_at: When it was asked for, by the monotonic clock in seconds: it may begin before its worker goes on.
            None: now.
    """

    def __init__(
        self, members: Sequence[Member], place: Place, process: TrialProcess, began_at: float | None = None
    ) -> None:
        self.members = {member.claim.number: member for member in members}
        self.place = place
        self.process = process
        self.beat_at = self._looked_at = self._heard_at = self._alive_at = time.monotonic()
        self._counted_at = self.beat_at if began_at is None else began_at
        self._shares_s = dict.fromkeys(self.members, 0.0)
        self.num_oom_kills = num_oom_kills()
        self.memory = MemoryWatch(process.pid)
        self.stopped_because: str | None = None

    @property
    def age_s(self) -> float:
        """Wall time of its process per trial: of a process that several share, each has its part."""
        return max(self._share_s(number, time.monotonic()) for number in self.members)

    @property
    def silence_s(self) -> float:
        """How long its trials had said nothing when they were last listened to: its worker may have waited since."""
        return self._looked_at - self._heard_at

    @property
    def lingering_s(self) -> float:
        """How long its process has gone on since each of its trials has said its last word."""
        is_said = all(member.last_word is not None for member in self.members.values())
        return self.silence_s if is_said else 0.0

    @property
    def has_ended(self) -> bool:
        """Whether its process has."""
        if is_alive := self.process.exit_code is None:
            self._alive_at = time.monotonic()
        return not is_alive

    def worked_s(self, member: Member) -> float:
        """Wall time for which its process has worked for a trial; of one that several share, the trial's part.

        A worker that waits for its database learns late how a trial ended. So the last word brings the time, and a
        process that died without one has worked until a look after it was last seen alive.
        """
        said = member.last_word
        until = min(time.monotonic(), self._alive_at + _LOOK_S) if said is None else self._heard_at
        known_s = self._share_s(member.claim.number, until)
        return known_s if said is None or said.worked_s is None else min(known_s, said.worked_s)

    def receive(self) -> list[FromTrial]:
        """What its trials have said since the last call; their last words are kept.

        A message of a trial that this attempt does not hold is dropped. A process that sends what is no message is
        ended, and its trials fail.
        """
        try:
            said = [message for message in self.process.receive() if message.trial in self.members]
        except ValueError as error:
            said = [Raised(trial=number, cause="error", detail=f"it sent {error}") for number in self.members]
            self.process.kill()
        self._looked_at = time.monotonic()
        if said:
            self._heard_at = self._looked_at
        for message in said:
            if isinstance(message, Returned | GaveUp | Raised):
                self.members[message.trial].last_word = message
            elif isinstance(message, Progressed) and message.done is not None:
                self.members[message.trial].done = message.done
        return said

    def told(self, member: Member) -> dict[str, Any]:
        """What a trial says of itself: its last report, its age, how far it is, and whom it shares its process with."""
        done = {} if member.done is None else {DONE: member.done}
        group = {GROUP: sorted(self.members)} if len(self.members) > 1 else {}
        return {**member.progress, AGE: round(member.claim.spent_s + self.age_s, 1), **done, **group}

    @property
    def silent(self) -> list[int]:
        """Numbers of the trials that have not said their last word."""
        return [number for number, member in self.members.items() if member.last_word is None]

    def drop(self, number: int) -> None:
        """Go on without a trial; its process goes on for the others."""
        now = time.monotonic()
        self._shares_s = {each: self._share_s(each, now) for each in self.members}
        self._counted_at = now
        del self.members[number]

    def _share_s(self, number: int, until: float) -> float:
        return self._shares_s[number] + max(0.0, until - self._counted_at) / len(self.members)

    def prune(self, number: int) -> None:
        """Tell a trial to stop at its next look."""
        self.process.send(Prune(trial=number))

    def stop(self, why: str, is_urgent: bool = False) -> None:
        """Ask for a checkpoint and the end; if it is urgent, also what the task has started."""
        self.stopped_because = why
        self.process.stop(is_urgent)


class Starter(Protocol):
    """Starts the process of an attempt."""

    def __call__(self, claims: Sequence[Claim], place: Place) -> Attempt: ...
