"""A PostgreSQL server stopped hard, an MLflow server killed again and again: nothing lost, nothing twice."""

import os
import random
import signal
import socket
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from sweeps.doctor import examine
from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.follow import connect
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.sync import sync
from sweeps.tracking.uploader import Uploader
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.conftest import Commands, wait_for
from tests.invariants import check_invariants, study
from tests.mlflow_server import Server

pytestmark = pytest.mark.long


@pytest.mark.parametrize("num_stops", [1, pytest.param(5, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_postgresql_server_stopped_hard_costs_no_worker_and_no_trial(
    commands: Commands, own_postgres: Any, num_stops: int
) -> None:
    server = own_postgres
    url = server.get_uri()
    num_points = 6 + 4 * num_stops
    values = ",".join(map(str, range(1, num_points + 1)))
    line = ("-m", f"x={values}", "sleep_s=2", "study.name=s", f"study.storage='{url}'", "study.lease_s=15")
    workers = [commands.start("fake", *line) for _ in range(2)]
    generator = random.Random(7)
    # Both work: a server that is away when a command starts is refused at once.
    executions = commands.folder / "executions.txt"
    wait_for(lambda: executions.exists() and len(executions.read_text().splitlines()) >= 4, timeout_s=150)
    for _ in range(num_stops):
        time.sleep(generator.uniform(0.5, 3.0))
        pid = server.get_pid()
        os.kill(pid, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
        wait_for(lambda pid=pid: not psutil.pid_exists(pid), timeout_s=20)  # type: ignore[misc]
        time.sleep(generator.uniform(0.5, 4.0))
        for worker in workers:
            assert worker.poll() is None, worker.communicate()
        server.ensure_postgres_running()
        assert server.get_uri() == url
    for worker in workers:
        _, err = worker.communicate(timeout=240)
        assert worker.returncode == 0, err
    found = study(commands, url=url)
    check_invariants(commands, num_points, found)
    assert max(row.attempt for row in found.trials()) == 1


@pytest.mark.slow  # tests/sweeps/test_worker.py has an outage, too
def test_the_seconds_of_a_trial_are_without_the_outage_in_which_it_ended(commands: Commands) -> None:
    sweep = commands.start("fake", "-m", "x=1,2", "sleep_s=4", "study.name=s", "study.slots=2")
    executions = commands.folder / "executions.txt"
    wait_for(lambda: executions.exists() and len(executions.read_text().splitlines()) == 2, timeout_s=150)
    with sqlite3.connect(commands.folder / "studies/studies.db", isolation_level=None, timeout=20) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(15)
        other.execute("ROLLBACK")
    other.close()
    assert sweep.communicate(timeout=100) and sweep.returncode == 0
    times = [row.outcome.duration_s for row in study(commands).trials() if row.outcome]
    assert len(times) == 2 and all(4 <= seconds < 12 for seconds in times), times


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("num_kills", "num_steps", "longest_pause_s"), [(10, 10_000, 60.0)])
def test_every_point_arrives_once_however_often_the_server_is_killed(
    tmp_path: Path, own_server: Server, num_kills: int, num_steps: int, longest_pause_s: float
) -> None:
    """The server is away at the start, comes, is killed, and is away at the end; ten points a step are written.

    The short version is in tests/sweeps/test_tracking.py.
    """
    made = Study.create(
        Database(f"sqlite:///{tmp_path}/studies.db"), "s", ["minimize"], {"objective": ["a"], "directory": "."}
    )
    made.add(Point(overrides={"x": str(x)}, varied=("x",)) for x in range(5))
    server = own_server
    warnings: list[str] = []
    uploader = Uploader(lambda: connect(made, server.uri, "tests"), warnings.append)
    uploader.start()
    killer = threading.Thread(target=come_and_go, args=(server, num_kills, longest_pause_s))
    killer.start()
    trials = {}
    while (claim := made.claim("w", None)) is not None:
        files = StudyFiles(tmp_path).trial(claim.number)
        uploader.add(TrialCard(number=claim.number, point=claim.point, files=files))
        trials[claim.number] = (claim, Journal(files.directory))
    for step in range(num_steps):
        for _, written in trials.values():
            written.log({"a": float(step), "b": -float(step)}, step)
        if killer.is_alive():
            time.sleep(num_kills * longest_pause_s / num_steps)
    killer.join()  # whatever is still to be sent finds no server
    for number, (claim, _) in trials.items():
        returned = Completed(values=(num_steps - 1.0,))  # the objective, too, is in the journal: nothing is added
        made.tell(claim, returned)
        uploader.end(number, returned)
    uploader.close(drain_s=1, finish=None)
    assert len(warnings) == 1
    server.start()
    view = connect(made, server.uri, "tests")
    assert len(sync(made, view, StudyFiles(tmp_path))) > 0
    for _ in range(3):
        check_runs(view, num_steps)
        assert sync(made, connect(made, server.uri, "tests"), StudyFiles(tmp_path)) == []
    assert examine(made, StudyFiles(tmp_path), lambda: view) == []
    server.kill()


def check_runs(view: MlflowView, num_steps: int) -> None:
    """One finished run a trial, with each point once."""
    runs = view.children()
    assert sorted(run.data.tags["trial"] for run in runs) == list("01234")
    for run in runs:
        assert run.info.status == "FINISHED"
        for name, sign in (("a", 1), ("b", -1)):
            history = view.history(run.info.run_id, name)
            assert [(point.step, point.value) for point in history] == [(i, sign * i) for i in range(num_steps)]


def come_and_go(server: Server, num_kills: int, longest_pause_s: float) -> None:
    generator = random.Random(7)
    for _ in range(num_kills):
        time.sleep(generator.uniform(0.0, longest_pause_s))
        server.start()
        time.sleep(generator.uniform(0.5, longest_pause_s))
        server.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_whoever_waits_no_longer_for_a_silent_server_sees_the_results(
    commands: Commands, number: int, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracking = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        process = commands.start("fake", "-m", "x=1,2", "study.name=s", tracking, "tracking.drain_s=100")
        assert process.stdout is not None
        while not process.stdout.readline().startswith("[2/2] "):
            assert process.poll() is None
        time.sleep(2)  # it waits for the server
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert "Best:    trial 0, loss=1 (minimize)" in out and "Table:   sweeps table" in out
    last = err.splitlines()[-1]
    assert last.startswith("Interrupted. `sweeps sync ") and last.endswith("s` sends what the server may lack.")


@pytest.mark.timeout(400)
def test_a_sweep_goes_on_without_its_server_and_sync_sends_what_it_missed(
    commands: Commands, own_server: Server
) -> None:
    server = own_server
    line = (
        *("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "trainer.max_epochs=3"),
        *("study.name=s", "seed=0,1", f"tracking.uri={server.uri}", "tracking.drain_s=1"),
    )
    done = commands.run("train", *line)
    assert done.returncode == 0 and done.stderr.count("Warning") == 1, done.stderr
    assert "Connection refused" in done.stderr
    server.start()
    tracking = ("--tracking", server.uri)
    assert "4 trials sent" in commands.run("sweeps", "sync", "s", *tracking).stdout
    for _ in range(2):
        assert "0 trials sent" in commands.run("sweeps", "sync", "s", *tracking).stdout
    checked = commands.run("sweeps", "doctor", "s", *tracking)
    assert checked.returncode == 0 and "agree" in checked.stdout, checked.stdout
