"""`kill -9` while the study database is first made: the next start finds it whole or absent. The seed is printed."""

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sweeps.study.storage import Database
from tests.conftest import Commands
from tests.sweeps.test_study import claim, finish, make

pytestmark = pytest.mark.long

FORK = multiprocessing.get_context("fork")


def structure(engine: sa.Engine) -> dict[str, Any]:
    """Tables with their columns, indexes and rules, and what the tables of versions hold."""
    found = sa.inspect(engine)
    tables = {
        name: (
            [column["name"] for column in found.get_columns(name)],
            sorted(str(index["name"]) for index in found.get_indexes(name)),
            sorted(str(rule["column_names"]) for rule in found.get_unique_constraints(name)),
        )
        for name in found.get_table_names()
    }
    with engine.connect() as connection:
        versions = [
            connection.exec_driver_sql(f"SELECT * FROM {name}").all()
            for name in ("sweeps_schema", "version_info", "alembic_version")
        ]
    return {"tables": tables, "versions": [[tuple(row) for row in rows] for rows in versions]}


def use(url: str) -> None:
    database = Database(url)
    made = structure(database.engine)
    assert "sweeps_points" in made["tables"]


def start_s(url: str) -> float:
    """How long a start takes that nobody kills."""
    began = time.monotonic()
    process = FORK.Process(target=use, args=(url,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - began


def killed_start(url: str, after_s: float) -> bool:
    """Start, kill after so long; whether the kill came before the end."""
    process = FORK.Process(target=use, args=(url,))
    process.start()
    time.sleep(after_s)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("num_rounds", [6, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_start_killed_at_any_moment_leaves_no_broken_file(tmp_path: Path, num_rounds: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    longest_s = start_s(f"sqlite:///{tmp_path}/whole.db")
    whole = structure(Database(f"sqlite:///{tmp_path}/whole.db").engine)
    num_killed = 0
    for i in range(num_rounds):
        path = tmp_path / str(i) / "studies.db"
        for _ in range(2):
            num_killed += killed_start(f"sqlite:///{path}", generator.uniform(0.0, longest_s))
        if path.exists():  # what anybody sees who does not repair
            connection = sqlite3.connect(path)
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
            connection.close()
            assert structure(sa.create_engine(f"sqlite:///{path}")) == whole
        study = make(f"sqlite:///{path}", 1)
        assert structure(study.database.engine) == whole
        assert finish(study, claim(study)) and study.is_finished()
        assert not list(path.parent.glob("*.part*"))
    assert num_killed >= num_rounds // 6  # else the moments were badly chosen


def test_a_start_killed_at_any_moment_leaves_no_broken_server(postgres_url: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    longest_s = start_s(postgres_url)
    database = Database(postgres_url)
    whole = structure(database.engine)
    for _ in range(5):
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        database.engine.dispose()
        killed_start(postgres_url, generator.uniform(0.0, longest_s))
        study = make(postgres_url, 1)
        assert structure(study.database.engine) == whole
        assert finish(study, claim(study)) and study.is_finished()
        study.database.engine.dispose()


def test_the_log_of_a_deleted_database_does_not_enter_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    study = make(f"sqlite:///{path}", 1, 2, 3, name="old")
    log = path.with_name("studies.db-wal").read_bytes()
    assert len(log) > 1000
    study.database.engine.dispose()
    path.unlink()
    path.with_name("studies.db-wal").write_bytes(log)  # as a killed command leaves it
    assert make(f"sqlite:///{path}", 1, name="new").database.study_names() == ["new"]


def test_a_finished_study_is_sent_to_a_new_database_of_mlflow(commands: Commands) -> None:
    """The client is imported once, and neither that nor the new tables count as a server that does not answer."""
    line = ("-m", "x=1,2", "study.name=s")
    assert commands.run("fake", *line).returncode == 0
    result = commands.run("fake", *line, f"tracking.uri=sqlite:///{commands.folder}/new.db", "tracking.drain_s=1")
    assert result.returncode == 0 and "Warning: tracking" not in result.stderr, result.stderr
    with contextlib.closing(sqlite3.connect(commands.folder / "new.db")) as database:
        assert database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone() == (3,)
