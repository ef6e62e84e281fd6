"""The clock of a database is set, by any amount and at any moment: no worker loses a trial. The seed is printed."""

import random
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.study import Study
from tests.sweeps.test_worker import SetClock, square, worker_of

pytestmark = pytest.mark.long


@pytest.mark.parametrize("num_steps", [3, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_clock_that_is_set_at_random_takes_no_trial_from_anybody(tmp_path: Path, num_steps: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    lengths_s = [generator.uniform(0.0, 4.0) for _ in range(2 * num_steps)]

    def trial(number: int, pipe: Connection) -> None:
        time.sleep(lengths_s[number % len(lengths_s)])
        square(number, pipe)

    url = f"sqlite:///{tmp_path}/studies.db"
    mine, others = SetClock(url), SetClock(url)
    made = Study.create(mine, "s", ["minimize"], {"objective": ["loss"]})
    made.add(Point(overrides={"x": str(x)}, varied=("x",)) for x in range(num_steps))
    other = Study(others, "s")
    remote = other.claim("elsewhere:00000000:1:cafe", None)  # of another machine: judged by its beats alone
    assert remote is not None
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(1.0):
            assert other.beat(remote, {})
        assert other.tell(remote, Completed(values=(float(remote.number) ** 2,)))

    def step() -> None:
        for _ in range(num_steps):
            time.sleep(generator.uniform(0.0, 3.0))
            by_s = generator.choice((-1, 1)) * 10 ** generator.uniform(0.5, 6.0)
            # One session sees the new time before the other; both within a lease.
            first, second = generator.sample((mine, others), 2)
            first.ahead_s += by_s
            time.sleep(generator.uniform(0.0, 1.0))
            second.ahead_s += by_s
        is_over.set()

    threads = [threading.Thread(target=work) for work in (beat, step)]
    for thread in threads:
        thread.start()
    worker, _ = worker_of(made, tmp_path, trial, lease_s=5)
    assert worker.run() is None
    for thread in threads:
        thread.join()
    assert [row.attempt for row in made.trials()] == [1] * num_steps
    assert [event.what for event in made.events() if event.what not in ("claimed", "finished")] == []
