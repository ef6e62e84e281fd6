"""Which workers have lost their trials: judged by their process where that can be seen, else by their silence."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sweeps.owners import is_known_alive, is_known_dead
from sweeps.study.storage import Database

_STEP_S = 2.0
"""How far two clocks may drift apart between two looks without one of them having been set."""


class Leases:
    """Judges the workers of running rows.

    A worker on this machine is judged by its process. Any other one is given a lease since its last beat. After an
    outage of the database, or a step of its clock, nobody is judged for that long: nobody could beat, or beats are not
    what they seem. Who has been seen to beat within a lease is not silent, whatever time a beat bears: the clock may
    have been set for its writer and not yet for us.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._ahead_s: float | None = None
        self._beats: dict[int, tuple[float | None, float]] = {}

    def lost(self, running: Sequence[Any], lease_s: float, by: str) -> Iterator[tuple[Any, str]]:
        """The rows whose worker is gone, and how that is known.

        Args:
            running: The rows that run, with `now`, the database's time, and `silence_s` since the last beat.
            lease_s: Silence after which a worker counts as gone.
            by: Who looks; its own rows are left alone.
        """
        for row in running[:1]:
            self._watch_clock(row.now)
        self._watch_beats(running)
        now = time.monotonic()
        is_settled = now - self._db.last_outage_at > lease_s
        for row in running:
            is_beating = now - self._beats[row.id][1] <= lease_s
            if row.worker != by and (why := _why_gone(row, lease_s if is_settled and not is_beating else math.inf)):
                yield row, why

    def _watch_beats(self, running: Sequence[Any]) -> None:
        """Remember the last beat of each row, and when we saw that it was another one than before."""
        now, before = time.monotonic(), self._beats
        self._beats = {
            row.id: before[row.id]
            if before.get(row.id, (None,))[0] == row.beat_at
            else (row.beat_at, now if row.id in before else -math.inf)
            for row in running
        }

    def _watch_clock(self, now: float) -> None:
        """Notice that the database's clock was set: then it has moved otherwise than ours, which nobody sets."""
        ahead_s = now - time.monotonic()
        if self._ahead_s is not None and abs(ahead_s - self._ahead_s) > _STEP_S:
            self._db.note_outage()
        self._ahead_s = ahead_s


def _why_gone(row: Any, lease_s: float) -> str | None:
    """How it is known that the worker of a row is gone; None where it is not."""
    if is_known_dead(row.worker or ""):
        return "the process of its worker is gone"
    if row.silence_s is None or is_known_alive(row.worker or ""):
        return None
    # A beat far ahead is from before the clock was set back, and nothing has come since.
    is_silent = row.silence_s > lease_s or row.silence_s < -max(lease_s, _STEP_S)
    return f"no beat for {row.silence_s:.0f} s, and study.lease_s is {lease_s:g}" if is_silent else None
