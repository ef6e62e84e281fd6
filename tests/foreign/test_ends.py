"""What a task leaves to the end of its process is done at the end of its trial, and nothing that is the server's."""

import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

from sweeps.worker.at_exit import end_runs
from tests.foreign.runs import TRACKED, Application

pytestmark = pytest.mark.long


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_registered_functions_run_files_are_written_and_temporary_folders_go(isolation: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "ends")
    lines = app.study("+x=1,2,3", f"+study.isolation={isolation}", "+study.slots=1", code=1)
    of_trial = [f"{x} {what}" for x in (1, 2, 3) for what in ("fails", "first", "server's folder True")]
    assert [line for line in lines if line != "of-server"] == of_trial
    assert lines.count("of-server") == 1  # the command's own end
    assert list(tmp_path.glob("of-trial-*")) == []
    assert sorted((tmp_path / "open.txt").read_text().split()) == ["1", "2", "3", "imported"]
    assert (tmp_path / "open-too.txt").read_text().split() == ["1", "2", "3"]
    assert [trial.state for trial in app.trials()] == ["completed", "completed", "failed"]


def test_a_run_that_is_left_open_ends_with_its_trial(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "ends", TRACKED="1")
    app.study("+x=1,2", tracking=TRACKED)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = [run for each in client.search_experiments() for run in client.search_runs([each.experiment_id])]
    assert [run.info.status for run in runs if run.info.run_name == "open"] == ["FINISHED", "FINISHED"]


def test_a_run_that_cannot_be_ended_costs_the_trial_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.start_run()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("ALTER TABLE runs RENAME TO gone")
    end_runs()
    assert mlflow.active_run() is None
    assert "A run of MLflow could not be ended: (sqlite3.OperationalError) no such table" in capsys.readouterr().err
