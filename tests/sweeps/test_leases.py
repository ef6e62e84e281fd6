"""Who is silent: by the clock at first sight, and by what has been seen of their beats afterwards."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sweeps.study.leases import Leases
from sweeps.study.storage import Database
from tests.studies import url

ELSEWHERE = "elsewhere:00000000:1:cafe"
"""A worker of another machine, which is judged by its beats alone."""


def row(beat_at: float, now: float) -> Any:
    return SimpleNamespace(id=1, worker=ELSEWHERE, beat_at=beat_at, now=now, silence_s=now - beat_at)


def lost(leases: Leases, beat_at: float, now: float, lease_s: float = 5.0) -> bool:
    return bool(list(leases.lost([row(beat_at, now)], lease_s, by="me")))


def test_a_beat_by_a_clock_that_was_set_there_first_is_a_beat(tmp_path: Path) -> None:
    leases, now = Leases(Database(url(tmp_path))), time.time()
    assert not lost(leases, now, now)
    for step_s in (1e3, -1e3, 1e6, -1e6):
        assert not lost(leases, now + step_s, now)


def test_who_is_silent_is_known_at_first_sight_by_the_clock(tmp_path: Path) -> None:
    now = time.time()
    for silence_s, is_lost in ((4.0, False), (6.0, True), (-6.0, True)):
        assert lost(Leases(Database(url(tmp_path))), now - silence_s, now) is is_lost


def test_who_has_beaten_by_another_clock_and_is_silent_for_a_lease_is_gone(tmp_path: Path) -> None:
    leases, now = Leases(Database(url(tmp_path))), time.time()
    assert not lost(leases, now, now, lease_s=0.2) and not lost(leases, now + 1e3, now, lease_s=0.2)
    time.sleep(0.3)
    assert lost(leases, now + 1e3, now + 0.3, lease_s=0.2)
