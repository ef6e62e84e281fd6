"""More workers than a server has connections for, if each took two."""

import threading

import psycopg
import pytest

from tests.conftest import Commands
from tests.invariants import check_invariants, study
from tests.sweeps.test_connections import counted

NUM_WORKERS, NUM_POINTS = 64, 64 * 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_64_workers_share_the_connections_of_a_server_as_it_is_installed(commands: Commands, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("100",)
    line = [f"x=range({NUM_POINTS})", "study.name=s", f"study.storage='{postgres_url}'", "study.slots=1"]
    seeded = commands.run("fake", "-m", *line, "study.submit=true", "study.report=false")
    assert seeded.returncode == 0, seeded.stderr
    with counted(postgres_url) as connections:
        workers = [commands.start("sweeps", "worker", "s", "--storage", postgres_url) for _ in range(NUM_WORKERS)]
        drains = [threading.Thread(target=worker.communicate) for worker in workers]
        for drain in drains:
            drain.start()
        for drain in drains:
            drain.join()
    assert [worker.returncode for worker in workers] == [0] * NUM_WORKERS
    assert max(connections) <= NUM_WORKERS
    check_invariants(commands, NUM_POINTS, study(commands, "s", postgres_url))
