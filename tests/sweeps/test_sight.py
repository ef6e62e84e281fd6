"""One look of a process at its study serves all that look at the same moment."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from sweeps.display import Display
from sweeps.settings import StudySettings
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.worker.mirroring import Mirroring
from sweeps.worker.worker import Worker
from tests.sweeps.test_worker import PLACE

SECONDS = 60


class Clock:
    """A clock that goes on while the test's thread sleeps; threads that other tests have left sleep by their own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self._sleep = time.sleep
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)
        monkeypatch.setattr(time, "process_time", lambda: 0.0)  # a view that costs much looks less often, and alone

    def sleep(self, pause_s: float) -> None:
        if threading.current_thread() is threading.main_thread():
            self.now += max(pause_s, 0.001)
        else:
            self._sleep(pause_s)


def study_at(url: str) -> Study:
    study = Study.create(Database(url), "s", ["minimize"], {"objective": ["loss"]})
    study.add(Point(overrides={"x": str(x)}, varied=("x",)) for x in range(4))
    return study


def pause(study: Study) -> None:
    study.will.want("pause", "a test")


def hold_all(study: Study) -> None:
    """Another worker, of another machine, runs all that is left."""
    for _ in range(4):
        assert study.claim("elsewhere:1", None) is not None


@pytest.mark.parametrize("become_idle", [pause, hold_all])
def test_an_idle_worker_asks_the_database_once_a_second(
    storage_url: str, monkeypatch: pytest.MonkeyPatch, become_idle: Callable[[Study], None]
) -> None:
    other = study_at(storage_url)
    become_idle(other)
    study = Study(Database(storage_url), "s")
    clock = Clock(monkeypatch)
    display = Display(study)
    worker = Worker(
        study,
        "w",
        [PLACE],
        lambda claim, place: pytest.fail("idle"),
        StudySettings(),
        observers=[display, Mirroring(study)],
    )
    statements = list[str]()
    with display:
        until = clock.now + 3
        while clock.now < until:  # the first looks come when the parts have begun
            worker._step()
        sa.event.listen(study.database.engine, "checkout", lambda *_: statements.append("transaction"))
        until = clock.now + SECONDS
        while clock.now < until:
            worker._step()
    assert SECONDS - 2 <= len(statements) <= SECONDS + 2  # one of them by the end of the display


def test_whoever_has_written_looks_again(tmp_path: Path) -> None:
    study = study_at(f"sqlite:///{tmp_path}/studies.db")
    assert study.sight.look(None).open == 4 and study.sight.now is not None
    claim = study.claim("w", None)
    assert claim is not None and study.sight.now is None and study.sight.running is None
    assert (study.look().open, study.look().running) == (3, 1)


def test_a_look_is_not_shared_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, clock = study_at(f"sqlite:///{tmp_path}/studies.db"), Clock(monkeypatch)
    study.sight.look(None)
    pause(Study(Database(f"sqlite:///{tmp_path}/studies.db"), "s"))  # another process
    assert study.look().wanted == "run"
    clock.sleep(0.26)
    assert study.look().wanted == "pause"


def test_the_rows_that_run_are_judged_from_the_look(tmp_path: Path) -> None:
    study = study_at(f"sqlite:///{tmp_path}/studies.db")
    hold_all(study)
    study.sight.look(None)
    (first, *_), held = study.sight.running or [], study._ledger._read(study._ledger._running())
    assert [row.id for row in study.sight.running or ()] == [row.id for row in held]
    assert first.beat_at == held[0].beat_at and abs(first.silence_s - held[0].silence_s) < 1
    assert study.reap(30.0, "w") == []
