"""What happened to each trial, and why: one row per transition, written in the transaction that makes it."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

import sqlalchemy as sa

from sweeps.owners import host_of
from sweeps.redact import text
from sweeps.study.schema import events

log = logging.getLogger("sweeps.events")
"""Every transition that this process has made, as a line; a worker writes them to a file of its own."""

What = Literal[
    "claimed",  # a worker has taken the trial
    "handed back",  # its worker had to stop; the next attempt continues
    "lost",  # the attempt's fork server died, or somebody else ended the attempt; the next one continues
    "lease lost",  # its worker is gone or silent; another one has taken the trial away from it
    "retried",  # it failed, and a further attempt is left
    "set apart",  # the process that it shared with other trials has failed; from now on it is run alone
    "refused",  # a result came from a worker that no longer held the trial
    "finished",  # it has an outcome
    "reopened",  # a failed trial is to be run once more, from its last checkpoint
    "skipped",  # it is not to be run
    "restarted",  # a trial is to be run from its beginning
]


class Held(NamedTuple):
    """Which attempt of which trial, and who holds it; an empty name where nobody does."""

    number: int
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be recorded with a transition, and why it happened."""

    what: What
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One transition of one trial.

    Attributes:
        number: The trial's number.
        attempt: Its attempt at that moment.
        worker: Who held the trial; empty where nobody did.
        machine: Host name of that worker.
        at: Seconds since the epoch, by the database's clock.
        what: Kind of transition.
        why: The reason, by whoever decided it.
    """

    number: int
    attempt: int
    worker: str
    machine: str
    at: float
    what: What
    why: str

    @property
    def time(self) -> str:
        """Local time to the second."""
        return datetime.fromtimestamp(self.at).strftime("%Y-%m-%d %H:%M:%S")


def insert(now: sa.ColumnElement[float], study_key: str, held: Held, note: Note) -> sa.Insert:
    """The statement that records a transition."""
    place = {"study_key": study_key, "machine": host_of(held.worker), "at": now}
    return sa.insert(events).values(**held._asdict(), **place, what=note.what, why=text(note.why))


def tell(held: Held, note: Note) -> None:
    """Write the line of a transition that the database has taken."""
    log.info("trial %d, attempt %d: %s: %s (%s)", held.number, held.attempt, note.what, text(note.why), held.worker)


def event_of(row: Any) -> Event:
    """A row of the table as an event."""
    return Event(
        number=row.number,
        attempt=row.attempt,
        worker=row.worker,
        machine=row.machine,
        at=row.at,
        what=cast(What, row.what),
        why=row.why,
    )
