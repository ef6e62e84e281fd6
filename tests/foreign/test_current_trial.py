"""What applications do with the handle of their trial, with Optuna, with Lightning and with MLflow."""

from pathlib import Path
from typing import Any

import mlflow
import pytest

from sweeps.outcome import Completed, Pruned
from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import events, samples
from tests.foreign.runs import TRACKED, Application

pytestmark = pytest.mark.long


def runs(folder: Path, database: str = "mlflow.db") -> list[Any]:
    client = mlflow.MlflowClient(f"sqlite:///{folder}/{database}")
    return [run for each in client.search_experiments() for run in client.search_runs([each.experiment_id])]


def of_trials(folder: Path) -> list[Any]:
    return [run for run in runs(folder) if run.data.tags.get("sweeps.role") == "trial"]


def curve(folder: Path, run_id: str, name: str) -> list[tuple[int, float]]:
    found = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").get_metric_history(run_id, name)
    return sorted((metric.step, round(metric.value, 4)) for metric in found)


def files(app: Application) -> TrialFiles:
    return TrialFiles(app.folder / "logs" / "studies" / "s" / "trials" / "000")


def test_what_a_loop_reports_is_recorded_and_its_last_value_is_the_objective(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "loop", RESUMES="1")
    assert app.study("+x=1", "+study.objective=loss", tracking=TRACKED) == ["1 1"]
    assert [round(value, 4) for value in app.values()["1"]] == [1.1667]
    [run] = of_trials(tmp_path)
    expected = [(step, round(1 + 1 / (step + 1), 4)) for step in range(6)]
    assert curve(tmp_path, run.info.run_id, "loss") == expected
    assert [(s.step, round(s.value, 4)) for s in samples(files(app).journal) if s.name == "loss"] == expected
    assert run.data.params == {"optimizer.name": "none", "optimizer.x": "1.0", "x": "1"}
    kept = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").list_artifacts(run.info.run_id)
    assert sorted(file.path for file in kept) == ["config", "note.txt", "state.pt"]


@pytest.mark.parametrize("resumes, told", [pytest.param(True, [], marks=pytest.mark.slow), (False, ["starts_again"])])
def test_the_curve_of_a_trial_that_was_killed_is_of_one_run(resumes: bool, told: list[str], tmp_path: Path) -> None:
    app = Application.named(tmp_path, "loop", KILLED="1", **({"RESUMES": "1"} if resumes else {}))
    app.study("+x=1", "+study.objective=loss", tracking=TRACKED)
    shift = 1 if resumes else 201
    expected = [(step, round(shift + 1 / (step + 1), 4)) for step in range(6)]
    assert [(s.step, round(s.value, 4)) for s in samples(files(app).journal) if s.name == "loss"] == expected
    assert [event["event"] for event in events(files(app).journal, "starts_again")] == told
    [run] = of_trials(tmp_path)
    assert curve(tmp_path, run.info.run_id, "loss") == expected and run.info.status == "FINISHED"
    old = [run for run in runs(tmp_path) if run.data.tags.get("sweeps.role") == "superseded"]
    assert [run.info.status for run in old] == ([] if resumes else ["KILLED"])


def test_optunas_own_exception_prunes(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "optuna_prunes")
    app.study("+x=1,2")
    assert [type(trial.outcome) for trial in app.trials()] == [Completed, Pruned]


def test_one_callback_resumes_a_fit(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "fits")
    app.study("+x=1", "+study.objective=val/loss")
    epochs = (tmp_path / "epochs.txt").read_text().splitlines()
    assert epochs == ["1 0", "1 1", "1 2", "1 3", "2 3", "2 4"]
    steps = [sample.step for sample in samples(files(app).journal) if sample.name == "val/loss"]
    assert steps == [1, 2, 3, 4, 5] and [trial.state for trial in app.trials()] == ["completed"]


def test_one_of_several_fits_is_not_resumed_from_the_checkpoint_of_another(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "fits", FOLDS="2")
    app.study("+x=1")
    epochs = (tmp_path / "epochs.txt").read_text().splitlines()
    assert epochs == ["1 0", "1 1", "1 0", "1 1", "1 2", "1 3", *("2 0", "2 1"), *("2 0", "2 1", "2 2", "2 3", "2 4")]


@pytest.mark.parametrize(
    "way", [*(pytest.param(way, marks=pytest.mark.slow) for way in ("context", "fluent")), "twice"]
)
def test_an_applications_own_run_is_that_of_its_trial(way: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "own_mlflow", WAY=way)
    app.study("+x=1,2", tracking=TRACKED)
    found = {run.data.params["x"]: run.data.metrics["theirs"] for run in of_trials(tmp_path)}
    assert found == {"1": 1.0, "2": 2.0}
    own = [run for run in runs(tmp_path) if "sweeps.role" not in run.data.tags]
    assert sorted(run.info.run_name for run in own) == (["second", "second"] if way == "twice" else [])
    of_x = {run.data.params["x"]: run.info.run_id for run in of_trials(tmp_path)}
    assert all(run.data.tags["mlflow.parentRunId"] == of_x[f"{run.data.metrics['second']:.0f}"] for run in own)


def test_a_sweep_within_a_run_gives_each_trial_a_run_of_its_own(tmp_path: Path) -> None:
    """As `mlflow run` starts a sweep: with the variables of its own run."""
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    outer = client.create_run(client.create_experiment("outer"))
    within = {"MLFLOW_RUN_ID": outer.info.run_id, "MLFLOW_EXPERIMENT_ID": outer.info.experiment_id}
    app = Application.named(tmp_path, "own_mlflow", WAY="twice", **within)
    app.study("+x=1,2", tracking=TRACKED)
    assert {run.data.params["x"]: run.data.metrics["theirs"] for run in of_trials(tmp_path)} == {"1": 1.0, "2": 2.0}
    of_outer = client.get_run(outer.info.run_id).data
    assert (of_outer.params, of_outer.metrics) == ({}, {})


@pytest.mark.parametrize("way", ["experiment", "by_hand"])
@pytest.mark.parametrize("race", [{}, {"RACE": "1"}])
def test_an_application_that_chooses_its_experiment_keeps_it(way: str, race: dict[str, str], tmp_path: Path) -> None:
    app = Application.named(tmp_path, "own_mlflow", WAY=way, **race)
    app.study("+x=1,2", "+study.slots=2", tracking=TRACKED)
    own = [run for run in runs(tmp_path) if "sweeps.role" not in run.data.tags]
    assert sorted(run.data.metrics["theirs"] for run in own) == [1.0, 2.0] and len(of_trials(tmp_path)) == 2
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert {client.get_experiment(run.info.experiment_id).name for run in own} == {"their own"}


def test_a_continued_trial_keeps_the_parameters_of_its_first_attempt(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "own_mlflow", WAY="again")
    first, second, _ = app.study("+x=1", tracking=TRACKED)
    [run] = of_trials(tmp_path)
    started = first.split()[1]
    found = {key: run.data.params[key] for key in ("started", "host", "only_1", "only_2")}
    assert found == {"started": started, "host": started, "only_1": "1", "only_2": "2"}
    assert second.split()[1] != started and run.data.metrics["theirs"] == 1.0
    [log] = tmp_path.glob("**/trial.log")
    told = [line for line in log.read_text().splitlines() if line.startswith("MLflow keeps")]
    assert told == [f"MLflow keeps what an earlier attempt has logged as {key}." for key in ("started", "host")]


@pytest.mark.parametrize("tracking", [TRACKED, "tracking.uri=null"])
def test_trials_may_open_a_new_database_at_the_same_moment(tracking: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "own_mlflow", WAY="experiment", ADDRESS=f"sqlite:///{tmp_path}/their.db")
    app.study("+x=1,2,3,4", "+study.slots=4", "+study.preload=[mlflow]", tracking=tracking)
    assert sorted(run.data.metrics["theirs"] for run in runs(tmp_path, "their.db")) == [1.0, 2.0, 3.0, 4.0]


def test_a_server_that_does_not_answer_keeps_no_trial_waiting(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "decorated")
    app.study("+x=1,2", "+tracking.drain_s=0", tracking="tracking.uri=http://127.0.0.1:9")
    assert app.values() == {"1": (-1.0,), "2": (-2.0,)}
    assert all(trial.outcome is not None and trial.outcome.duration_s < 5 for trial in app.trials())


@pytest.mark.parametrize("environment", [{}, {"EARLY": "1"}])
def test_of_trials_that_share_a_process_none_has_what_another_chose(
    environment: dict[str, str], tmp_path: Path
) -> None:
    app = Application.named(tmp_path, "late_mlflow", **environment)
    pids = app.study("+x=1,2,3", "+study.isolation=inline", "+study.slots=1", tracking=TRACKED)
    assert len(pids) == 3 and len(set(pids)) == 1
    found = {run.data.params["x"]: run.data.metrics.get("theirs") for run in of_trials(tmp_path)}
    assert found == {"1": None, "2": 2.0, "3": 3.0}
    assert [run for run in runs(tmp_path) if "sweeps.role" not in run.data.tags] == []
    elsewhere = [(run.info.run_name, run.data.metrics) for run in runs(tmp_path, "other.db")]
    assert elsewhere == [("theirs", {"theirs": 1.0})]
