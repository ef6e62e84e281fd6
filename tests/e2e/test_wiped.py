"""Whoever looks at a study whose MLflow database was removed is told so, and gets no empty page."""

import contextlib
import sqlite3
from pathlib import Path

import mlflow
import pytest

from tests.conftest import Commands, lines
from tests.e2e.test_changes import project, sweep

pytestmark = pytest.mark.long

LOOKS = {
    "ui": (2, "Error: mlflow.db is not there; `sweeps sync s` makes and fills it."),
    "doctor": (1, "MLflow's database is not there -> sweeps sync s"),
}


@pytest.fixture
def swept(commands: Commands) -> Commands:
    """Two trials that are in MLflow."""
    project(commands.folder)
    sweep(commands, "x=1,2", "study.name=s", "tracking.uri=sqlite:///mlflow.db")
    return commands


def test_a_look_makes_no_database_and_sync_brings_all_back(swept: Commands) -> None:
    database = swept.folder / "mlflow.db"
    assert command_of_the_study(database) == "python app.py -m x=1,2 study.name=s tracking.uri=sqlite:///mlflow.db"
    database.unlink()
    for verb, (code, line) in LOOKS.items():
        looked = swept.run("sweeps", verb, "s")
        assert looked.returncode == code and lines(looked.stdout + looked.stderr) == [line]
        assert not database.exists()
    # Another program's runs are there, the study's are not.
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}").create_experiment("other")
    looked = swept.run("sweeps", "ui", "s")
    assert (
        looked.returncode == 2 and "Error: MLflow does not have study 's'; `sweeps sync s` sends it." in looked.stderr
    )
    assert swept.run("sweeps", "sync", "s").stdout == "s: 2 trials sent, 0 there already.\n"
    assert "agree" in swept.run("sweeps", "doctor", "s").stdout


def command_of_the_study(database: Path) -> str:
    asked = (
        "select value from tags where key = 'command' and run_uuid in (select run_uuid from tags where value = 'study')"
    )
    with contextlib.closing(sqlite3.connect(database)) as connection:
        ((value,),) = connection.execute(asked).fetchall()
    return str(value)
