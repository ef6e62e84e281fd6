"""The embedded database of MLflow is whole or not there, whatever is killed while it is made."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps.tracking.embedded import database_of, is_whole
from sweeps.tracking.first_use import prepare

MAKE_BY_OURS = "from sweeps.tracking.first_use import prepare; prepare('sqlite:///mlflow.db', print)"
MAKE_BY_MLFLOW = "import mlflow; mlflow.MlflowClient('sqlite:///mlflow.db').search_experiments()"


def started(folder: Path, code: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=environment, stderr=subprocess.DEVNULL)


def killed_at(folder: Path, code: str, size: int) -> None:
    """Kill with -9 once any file of the database has that size, or at the end."""
    process = started(folder, code)
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):  # SQLite's journals come and go
            if max((path.stat().st_size for path in folder.glob("*mlflow.db*")), default=-1) >= size:
                break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def runs_can_be_logged(folder: Path) -> bool:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run = client.create_run(client.create_experiment("x"))
    client.log_metric(run.info.run_id, "a", 1.0)
    return bool(client.get_run(run.info.run_id).data.metrics == {"a": 1.0})


@pytest.mark.long
@pytest.mark.parametrize(
    "size", [0, *(pytest.param(size, marks=pytest.mark.slow) for size in (60_000, 120_000, 500_000)), 240_000]
)
def test_a_database_that_mlflow_has_half_made_is_set_aside_and_made_anew(tmp_path: Path, size: int) -> None:
    killed_at(tmp_path, MAKE_BY_MLFLOW, size)
    was_whole = is_whole(tmp_path / "mlflow.db")
    told: list[str] = []
    prepare(f"sqlite:///{tmp_path}/mlflow.db", told.append)
    assert is_whole(tmp_path / "mlflow.db") and runs_can_be_logged(tmp_path)
    if was_whole:
        assert told == []
    else:
        why = "was half made by a process that died; it is now mlflow.db.half-made-1, and a new one is made."
        assert told == [f"mlflow.db {why}"] and (tmp_path / "mlflow.db.half-made-1").exists()
    assert not list(tmp_path.glob(".mlflow.db.*"))


@pytest.mark.long
def test_a_kill_while_we_make_it_leaves_it_whole_or_away(tmp_path: Path) -> None:
    for size in (0, 1, 300_000, 900_000):
        killed_at(tmp_path, MAKE_BY_OURS, size)
        path = tmp_path / "mlflow.db"
        assert not path.exists() or is_whole(path)
        told: list[str] = []
        prepare(f"sqlite:///{path}", told.append)
        assert is_whole(path) and told == []
        path.unlink()
    prepare(f"sqlite:///{tmp_path}/mlflow.db", print)
    assert runs_can_be_logged(tmp_path)


def test_first_commands_at_once_make_one_database(tmp_path: Path) -> None:
    processes = [started(tmp_path, MAKE_BY_OURS) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"] and runs_can_be_logged(tmp_path)


def test_a_database_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one" * 20)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    for name in ("text.db", "other.db"):
        before = (tmp_path / name).read_bytes()
        prepare(f"sqlite:///{tmp_path}/{name}", print)
        assert (tmp_path / name).read_bytes() == before
    assert database_of("http://host:5000") is None and database_of("sqlite://") is None
