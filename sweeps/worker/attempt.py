"""One attempt: a process, the place it runs in, and the trials that it runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sweeps.study.records import Claim
from sweeps.trial.files import TrialFiles
from sweeps.worker.memory import MemoryWatch, num_oom_kills
from sweeps.worker.messages import FromTrial, GaveUp, LastWord, Prune, Raised, Returned
from sweeps.worker.placement import Place
from sweeps.worker.process import TrialProcess


@dataclass(slots=True)
class Member:
    """One trial of an attempt, and what it has said.

    Attributes:
        claim: The right to run it.
        files: Its files.
        progress: Its last report, metric name to value, with its `step`.
        last_word: How its task ended; None while it runs, or where it died without a word.
    """

    claim: Claim
    files: TrialFiles
    progress: dict[str, Any] = field(default_factory=dict)
    last_word: LastWord | None = None


class Attempt:
    """Trials that run in one process. Today it is one trial; they are several where trials are fused.

    Args:
        members: The trials.
        place: Where they run.
        process: Their process.
    """

    def __init__(self, members: Sequence[Member], place: Place, process: TrialProcess) -> None:
        self.members = {member.claim.number: member for member in members}
        self.place = place
        self.process = process
        self.beat_at = self._started_at = self._heard_at = time.monotonic()
        self.num_oom_kills = num_oom_kills()
        self.stopped_because: str | None = None

    @property
        self.memory = MemoryWatch(process.pid)
    def age_s(self) -> float:
        return time.monotonic() - self._started_at

    @property
    def silence_s(self) -> float:
        return time.monotonic() - self._heard_at

    @property
    def work_s(self) -> float:
        """Wall time so far, less that for which its process has outlasted its trials."""
        return max(0.0, self.age_s - self.lingering_s)  # the clock is read twice

    @property
    def lingering_s(self) -> float:
        """How long its process has gone on since each of its trials has said its last word."""
        is_said = all(member.last_word is not None for member in self.members.values())
        return self.silence_s if is_said else 0.0

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
        if said:
            self._heard_at = time.monotonic()
        for message in said:
            if isinstance(message, Returned | GaveUp | Raised):
                self.members[message.trial].last_word = message
        return said

    def prune(self, number: int) -> None:
        """Tell a trial to stop at its next look."""
        self.process.send(Prune(trial=number))

    def stop(self, why: str) -> None:
        """Ask for a checkpoint and the end."""
        self.stopped_because = why
        self.process.stop()


class Starter(Protocol):
    """Starts the process of an attempt."""

    def __call__(self, claim: Claim, place: Place) -> Attempt: ...
