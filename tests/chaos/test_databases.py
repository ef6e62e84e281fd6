"""A database that is locked, cut off, damaged, of another version or gone, at random moments; the seed is printed.

What may pass costs nothing. What does not pass ends the command with one line, and leaves no process.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from sweeps.study.schema import VERSION
from tests.conftest import Commands, wait_for
from tests.invariants import alive_in, check_invariants, study
from tests.studies import done, study_of

pytestmark = pytest.mark.long

NUM_POINTS = 6


class Fault(NamedTuple):
    """What happens to the database, and the answer: an exit code, and a part of its one line."""

    do: Callable[[Any, random.Random], None]
    code: int
    line: str = ""


def locked(path: Path, generator: random.Random) -> None:
    """Somebody else writes, for longer than a look and shorter than patience."""
    with sqlite3.connect(path, isolation_level=None, timeout=20) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(generator.uniform(0.2, 8.0))
        connection.execute("ROLLBACK")
    connection.close()


def executed(*statements: str) -> Callable[[Path, random.Random], None]:
    def do(path: Path, generator: random.Random) -> None:
        with sqlite3.connect(path, timeout=20) as connection:
            connection.execute(generator.choice(statements))
        connection.close()

    return do


def deleted(path: Path, generator: random.Random) -> None:
    for part in path.parent.glob("studies.db*"):
        part.unlink()


IN_USE = {
    "locked": Fault(locked, 0),
    "without a column": Fault(
        executed(*(f"ALTER TABLE sweeps_points DROP COLUMN {name}" for name in ("spent_s", "progress", "retries"))),
        1,
        "study.storage",
    ),
    "without a table": Fault(
        executed("ALTER TABLE sweeps_points RENAME TO x", "DROP TABLE sweeps_events"), 1, "study.storage"
    ),
    "deleted": Fault(deleted, 1, "was deleted or replaced while it was in use"),
}
AT_REST = {
    "of a later version": Fault(executed(f"UPDATE sweeps_schema SET version = {VERSION + 1}"), 2, "version"),
    "no database": Fault(lambda path, _: path.write_bytes(b"no database" * 999) and None, 2, "study.storage"),  # type: ignore[func-returns-value]
    "cut off in the middle": Fault(lambda path, _: path.write_bytes(path.read_bytes()[:5000]) and None, 2, "study.sto"),  # type: ignore[func-returns-value]
}


def line(folder: Path, name: str, storage: str) -> tuple[str, ...]:
    points = ",".join(map(str, range(1, NUM_POINTS + 1)))
    return ("-m", f"x={points}", "sleep_s=1", f"study.name={name}", "study.slots=2", f"study.storage='{storage}'")


def check_refusal(commands: Commands, fault: Fault, err: str, code: int, took_s: float) -> None:
    told = [row for row in err.splitlines() if row.startswith("Error: ")]
    assert code == fault.code and len(told) == 1 and fault.line in told[0] and "Traceback" not in err, (code, err)
    assert took_s < 40 and alive_in(commands) == []


@pytest.mark.parametrize("num_rounds", [4, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_a_file_that_suffers_in_mid_sweep(commands: Commands, num_rounds: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    home = commands.folder
    names = generator.sample(sorted(IN_USE), len(IN_USE)) * num_rounds
    for i, name in enumerate(names[:num_rounds]):
        commands.folder = home / str(i)  # each round has a folder of its own
        commands.folder.mkdir()
        path, fault = commands.folder / "studies.db", IN_USE[name]
        worker = commands.start("fake", *line(commands.folder, "s", f"sqlite:///{path}"))
        wait_for(lambda: (commands.folder / "executions.txt").exists(), timeout_s=60)
        time.sleep(generator.uniform(0.0, 1.5))
        began = time.monotonic()
        fault.do(path, generator)
        _, err = worker.communicate(timeout=120)
        if fault.code == 0:
            assert worker.returncode == 0 and "Error" not in err, (name, err)
            found = study(commands, url=f"sqlite:///{path}")
            assert [row.state for row in found.trials()] == ["completed"] * NUM_POINTS
            assert [row.attempt for row in found.trials()] == [1] * NUM_POINTS
        else:
            check_refusal(commands, fault, err, worker.returncode, time.monotonic() - began)


@pytest.mark.parametrize("name", sorted(AT_REST))
def test_a_file_that_cannot_be_used_is_refused_and_stays_as_it_is(commands: Commands, name: str) -> None:
    path, fault = commands.folder / "studies.db", AT_REST[name]
    storage = f"sqlite:///{path}"
    study_of(path.parent, [({"x": "1"}, done(1.0))]).database.engine.dispose()
    with sqlite3.connect(path) as connection:  # nothing of it is in the log
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    fault.do(path, random.Random(0))
    before, made = path.read_bytes(), commands.made()
    began = time.monotonic()
    ended = commands.run("fake", *line(commands.folder, "s", storage))
    check_refusal(commands, fault, ended.stderr, ended.returncode, time.monotonic() - began)
    assert path.read_bytes() == before and commands.made() == made


@pytest.mark.parametrize("num_rounds", [1, pytest.param(12, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_server_that_ends_its_sessions_costs_nothing(commands: Commands, postgres_url: str, num_rounds: int) -> None:
    """As a restarted pooler, a failover or an administrator does."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    is_over = threading.Event()

    def cut() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            while not is_over.wait(generator.uniform(0.0, 1.0)):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    for i in range(num_rounds):
        worker = commands.start("fake", *line(commands.folder, f"s{i}", postgres_url))
        wait_for(lambda: (commands.folder / "executions.txt").exists(), timeout_s=60)
        is_over.clear()
        cutter = threading.Thread(target=cut)
        cutter.start()
        try:
            _, err = worker.communicate(timeout=120)
        finally:
            is_over.set()
            cutter.join()
        assert worker.returncode == 0, err
        check_invariants(commands, NUM_POINTS, study(commands, f"s{i}", postgres_url))
        (commands.folder / "executions.txt").unlink()
