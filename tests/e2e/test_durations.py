"""Runs in MLflow after each kind of ending: how long they took, and that none runs which nobody runs."""

import contextlib
import signal
import sqlite3
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.conftest import Commands, wait_for
from tests.invariants import study

pytestmark = pytest.mark.long

TRACKED = "tracking.uri=sqlite:///mlflow.db"


def runs(commands: Commands) -> list[Any]:
    """The study's run first, then those of its trials."""
    client = MlflowClient(f"sqlite:///{commands.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("sweeps")
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    return sorted(found, key=lambda run: int(run.data.tags.get("trial", -1)))


def statuses(commands: Commands) -> list[str]:
    """Read from the database itself: MLflow's client takes a second to start."""
    if not (path := commands.folder / "mlflow.db").exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
        return [status for (status,) in database.execute("SELECT status FROM runs ORDER BY status")]


@pytest.mark.timeout(300)
def test_a_run_lasts_as_long_as_its_trial(commands: Commands) -> None:
    line = (
        "-m",
        "mode=ok,raise,hang",
        "sleep_s=1.5",
        "study.name=s",
        "study.slots=3",
        "study.trial_timeout_s=6",
        TRACKED,
    )
    result = commands.run("fake", *line, TRACKED)
    assert result.returncode == 1, result.stderr
    _, *found = runs(commands)
    assert [run.info.status for run in found] == ["FINISHED", "FAILED", "FAILED"]
    assert [run.data.tags.get("cause") for run in found] == [None, "error", "timeout"]
    for run, trial in zip(found, study(commands).trials(), strict=True):
        assert trial.outcome is not None
        assert run.data.metrics["cost/seconds"] == trial.outcome.duration_s > 1.5
        lasted_s = (run.info.end_time - run.info.start_time) / 1000
        assert abs(lasted_s - trial.outcome.duration_s) <= 1, (trial.number, lasted_s, trial.outcome.duration_s)


@pytest.mark.timeout(300)
def test_no_run_runs_after_ctrl_c_nor_once_doctor_has_mended_what_a_kill_left(commands: Commands) -> None:
    line = ("-m", "x=1,2", "kind=a,b", "sleep_s=600", "study.name=s", "study.slots=2", TRACKED)
    process = commands.start("fake", *line)
    wait_for(lambda: statuses(commands) == ["RUNNING"] * 3)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "RUNNING" not in statuses(commands), timeout_s=5)
    process.communicate(timeout=60)
    assert process.returncode == 130
    parent, *trials = runs(commands)
    assert [run.info.status for run in (parent, *trials)] == ["SCHEDULED"] * 3
    assert [(run.data.params["x"], run.data.params["kind"]) for run in trials] == [("1", "a"), ("1", "b")]
    assert {run.data.tags["state"] for run in trials} == {"open"}

    process = commands.start("fake", *line)
    wait_for(lambda: statuses(commands) == ["RUNNING"] * 3)
    process.kill()
    process.communicate()
    storage = ("--storage", f"sqlite:///{commands.folder}/studies/studies.db")
    seen = commands.run("sweeps", "doctor", "s", *storage)
    assert seen.returncode == 1 and seen.stdout.count("nobody runs it, its run is RUNNING -> sweeps sync") == 2
    mended = commands.run("sweeps", "doctor", "s", "--fix", *storage)
    assert mended.returncode == 1, mended.stderr
    done = [text for text in mended.stdout.splitlines() if text.endswith(" -> mended")]
    assert len([text for text in done if "nobody runs it, its run is RUNNING" in text]) == 2
    assert len([text for text in done if "is running: its worker" in text]) == 2
    left = [text for text in mended.stdout.splitlines() if text not in done]
    assert [text.split(":")[0] for text in left[:2]] == ["trial 0 is open", "trial 1 is open"]
    assert all("sweeps worker" in text for text in left) and len(left) == 4
    assert [run.info.status for run in runs(commands)] == ["SCHEDULED"] * 3
