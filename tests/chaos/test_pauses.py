"""A study that is paused and resumed again and again has the table of one that was left alone."""

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from sweeps.report.export import EXPORTS
from sweeps.report.frame import trial_frame
from sweeps.report.tables import benchmark_table
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.worker.messages import Returned, encode
from tests.conftest import wait_for
from tests.sweeps.test_worker import Task, study_of, worker_of

pytestmark = pytest.mark.long

NUM_STEPS = 12


def task_in(folder: Path, step_s: float) -> Task:
    """A task that keeps its step in a file, as a checkpoint, and goes on from there."""

    def train(number: int, pipe: Connection) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        checkpoint, steps = folder / f"{number}.ckpt", folder / f"{number}.steps"
        begun = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for step in range(begun, NUM_STEPS):
            time.sleep(step_s)
            with steps.open("a") as file:
                file.write(f"{step}\n")
            checkpoint.with_suffix(".part").write_text(str(step + 1))
            checkpoint.with_suffix(".part").replace(checkpoint)
        pipe.send_bytes(encode(Returned(trial=number, value=float(number**2))))

    return train


def table_of(study: Study) -> str:
    table = benchmark_table(trial_frame(study))
    assert table is not None
    return str(EXPORTS["csv"].data(table))


def repeatedly(act: Callable[[], None], num: int) -> threading.Thread:
    thread = threading.Thread(target=lambda: [act() for _ in range(num)], daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("num_pauses", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_pauses_change_nothing_of_the_table(num_pauses: int, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "paused").mkdir()
    alone = study_of(tmp_path / "alone", 2 * num_pauses)
    worker_of(alone, tmp_path / "alone", task_in(tmp_path / "alone", 0.0))[0].run()
    paused = study_of(tmp_path / "paused", 2 * num_pauses)
    hand = Study(Database(f"sqlite:///{tmp_path}/paused/studies.db"), "s")  # as `sweeps pause`, another process
    was_running: list[int] = []

    def pause_and_resume() -> None:
        wait_for(lambda: hand.look().running == 2)
        time.sleep(0.3)
        hand.will.want("pause", "sweeps pause")
        wait_for(lambda: hand.look().running == 0)
        was_running.append(hand.look().running)
        hand.will.want("run", "sweeps resume")

    thread = repeatedly(pause_and_resume, num_pauses)
    worker_of(paused, tmp_path / "paused", task_in(tmp_path / "paused", 0.2))[0].run()
    thread.join(60)
    assert was_running == [0] * num_pauses  # each has found two trials that ran, and handed them back
    assert table_of(paused) == table_of(alone)
    handed_back = [event.number for event in paused.events() if event.what == "handed back"]
    assert len(handed_back) >= num_pauses  # one of the two may have ended in that moment
    for number in range(2 * num_pauses):  # what was handed back went on where it was: at most one step is repeated
        done = list(map(int, (tmp_path / "paused" / f"{number}.steps").read_text().split()))
        assert sorted(set(done)) == list(range(NUM_STEPS)), f"trial {number}"
        assert len(done) <= NUM_STEPS + handed_back.count(number), f"trial {number}"
