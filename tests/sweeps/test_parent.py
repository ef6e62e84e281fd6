"""The run of a study on a real MLflow server: its figures, its page, its views, and how runs stand that wait."""

import json
import math
import re
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sweeps.outcome import Completed, Failed
from sweeps.owners import machine
from sweeps.ran import Ran
from sweeps.report.asked import Asked, Looked, table_of
from sweeps.report.export import EXPORTS, TRACKED, to_page
from sweeps.settings import TrackingSettings
from sweeps.space import Point
from sweeps.study.requeue import Stopped
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking import experiment as experiments
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.follow import Tracking, connect
from sweeps.tracking.parent import finish, pause, show_progress, view_of
from sweeps.tracking.reported import keep_report
from sweeps.tracking.saved_views import MAX_VIEWS, TAG, SavedView, is_understood
from sweeps.tracking.sync import sync
from sweeps.tracking.upload import Upload
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.mlflow_server import Server
from tests.studies import Result, done, study_of
from tests.sweeps.test_configurations import command, run


def ended(folder: Path, name: str, values: list[float | None]) -> Study:
    """Trials that minimize `val/loss_best`, and whose journals have its curve and a test; None has failed."""
    database = Database(f"sqlite:///{folder}/studies.db")
    facts = {"objective": ["val/loss_best"], "directory": str(folder)}
    study = Study.create(database, name, ["minimize"], facts)
    study.add(
        Point(overrides={"model": "cnn", "w": str(x), "seed": "0"}, varied=("model", "w", "seed"))
        for x in range(len(values))
    )
    for value in values:
        claim = study.claim("w", None)
        assert claim is not None
        journal = Journal(folder / "trials" / f"{claim.number:03d}")
        journal.event("attempt", attempt=1)
        for epoch in range(3):
            journal.log({"val/loss": 1.0 / (1 + epoch), "epoch": epoch}, 10 * (epoch + 1))
        journal.log({"test/acc": 0.5}, 30)
        failed = Failed(cause="error", detail="ValueError: *x*", log_tail="Traceback\n<b>x</b>", duration_s=3.0)
        study.tell(claim, failed if value is None else Completed(values=(value,), duration_s=2.0))
    return study


def test_the_study_s_run_says_best_counts_and_cost_and_links_to_its_views(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "page", [0.5, 0.25, None]), StudyFiles(tmp_path)
    view = connect(study, server.uri, "tests")
    sync(study, view, files)
    client = MlflowClient(server.uri)
    run = client.get_run(view.parent())
    assert run.info.status == "FINISHED"
    metrics = run.data.metrics
    assert {name: metrics[name] for name in ("trials/completed", "trials/failed", "trials/running", "trials/open")} == {
        "trials/completed": 2, "trials/failed": 1, "trials/running": 0, "trials/open": 0,
    }  # fmt: skip
    assert (metrics["best/val/loss_best"], metrics["best/objective"], metrics["cost/seconds"]) == (0.25, 0.25, 7.0)
    note = run.data.tags["mlflow.note.content"]
    children = {child.data.tags["trial"]: child for child in view.children()}
    key, place = study.facts["key"], f"#/experiments/{run.info.experiment_id}/runs"
    assert note.startswith(
        f"**Best**: [trial 1]({place}/{children['1'].info.run_id}?workflowType=machine_learning), "
        "val/loss_best = 0.25 (minimize).\n\n"
        "**3 trials**: 2 completed, 1 failed."
    )
    link = f"{place}?viewStateShareKey=sweeps-{key}&workflowType=machine_learning"
    assert f"[Table of the trials]({link})" in note and f"[Charts]({link}&compareRunsMode=CHART)" in note
    assert len(note) <= 4000 and note.endswith("have all cells with mean and spread.")
    table = table_of(Looked.at([study]), Asked())
    assert table.caption.startswith("Study page: 3 trials, 1 seed (0). Fixed: model=cnn.")
    files_there = {item.path for item in client.list_artifacts(view.parent())}
    assert files_there == {*(f"table{EXPORTS[name].suffix}" for name in TRACKED), "trials.json"}
    assert Path(client.download_artifacts(view.parent(), "table.md")).read_text().strip() == to_page(table)
    assert f"<title>{table.caption}</title>" in Path(client.download_artifacts(view.parent(), "table.html")).read_text()


def test_the_study_s_run_names_the_pareto_set_of_several_objectives(server: Server, tmp_path: Path) -> None:
    results: list[Result] = [
        ({"x": str(i)}, done(*pair)) for i, pair in enumerate([(1.0, 4.0), (2.0, 5.0), (3.0, 1.0)])
    ]
    two = {"objectives": ("loss", "cost"), "directions": ("minimize", "minimize")}
    study, files = study_of(tmp_path, results, name="front", **two), StudyFiles(tmp_path)  # type: ignore[arg-type]
    for number in range(3):
        Journal(files.trial(number).directory).event("attempt", attempt=1)
    view = connect(study, server.uri, "tests")
    sync(study, view, files)
    run = MlflowClient(server.uri).get_run(view.parent())
    ids = {child.data.tags["trial"]: child.info.run_id for child in view.children()}
    place = f"#/experiments/{run.info.experiment_id}/runs"
    linked = [f"[trial {i}]({place}/{ids[i]}?workflowType=machine_learning)" for i in ("0", "2")]
    told = f"**Pareto set** by loss (minimize), cost (minimize): 2 points, {', '.join(linked)}.\n\n"
    assert run.data.tags["mlflow.note.content"].startswith(told)
    assert run.data.metrics["trials/pareto"] == 2.0 and "best/objective" not in run.data.metrics


def test_the_view_has_the_objective_the_axes_and_their_charts(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "charts", [0.5, 0.25]), StudyFiles(tmp_path)
    view = connect(study, server.uri, "tests")
    show_progress(study, view, files)
    key = study.facts["key"]
    tag = MlflowClient(server.uri).get_experiment(view.experiment.id).tags[f"{TAG}sweeps-{key}"]
    state = json.loads(json.loads(tag)["state"])
    assert state["selectedColumns"] == ["metrics.`best/val/loss_best`", "params.`model`", "params.`w`"]
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`best/val/loss_best`", True)
    assert state["searchFilter"] == f"tags.`sweeps.study_key` = '{key}' and tags.`sweeps.role` = 'trial'"
    cards = [
        (card["type"], card.get("metricKey") or card.get("xaxis", {}).get("key")) for card in state["compareRunCharts"]
    ]
    assert cards == [
        ("PARALLEL", None),
        ("LINE", "val/loss"),
        ("SCATTER", "x/w"),
        ("BAR", "best/val/loss_best"),
        ("BAR", "test/acc"),
    ]
    assert state["compareRunCharts"][1]["selectedXAxisMetricKey"] == "epoch"
    assert [section["name"] for section in state["compareRunSections"]] == [
        "val/loss_best of all trials", "One value per trial",
    ]  # fmt: skip


def test_runs_of_trials_have_short_names_their_objective_first_and_single_values_at_step_0(
    server: Server, tmp_path: Path
) -> None:
    study, files = ended(tmp_path, "runs", [0.5, None]), StudyFiles(tmp_path)
    view = connect(study, server.uri, "tests")
    sync(study, view, files)
    first, second = sorted(view.children(), key=lambda run: run.data.tags["trial"])
    assert (first.info.run_name, second.info.run_name) == ("000 cnn 0 s0", "001 cnn 1 s0")
    assert min(first.data.metrics) == "best/val/loss_best" and max(first.data.metrics) == "x/w"
    steps = {name: {sample.step for sample in view.history(first.info.run_id, name)} for name in first.data.metrics}
    assert steps["test/acc"] == steps["best/val/loss_best"] == {0} and steps["val/loss"] == {10, 20, 30}
    assert first.info.end_time - first.info.start_time == 2000 and second.info.end_time - second.info.start_time == 3000
    assert first.data.metrics["cost/seconds"] == 2.0 and first.data.metrics["cost/attempts"] == 1.0
    assert second.data.tags["mlflow.note.content"] == (
        "**error**\n\n    ValueError: *x*\n\nIts last lines:\n\n    Traceback\n    <b>x</b>"
    )


def test_a_finished_study_s_link_is_known_without_asking_the_server(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "again", [0.5]), StudyFiles(tmp_path)
    told: list[str] = []
    links = []
    for _ in range(2):
        tracking = Tracking(study, TrackingSettings(uri=server.uri, experiment="tests"), files, told.append)
        tracking.close(60)
        links.append(tracking.address())
    experiment = connect(study, server.uri, "tests").experiment.id
    key = study.facts["key"]
    query = f"viewStateShareKey=sweeps-{key}&workflowType=machine_learning"
    assert links == [f"{server.uri}/#/experiments/{experiment}/runs?{query}"] * 2 and told == []


def test_a_study_in_which_nothing_completed_has_failed(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "failed", [None, None]), StudyFiles(tmp_path)
    view = connect(study, server.uri, "tests")
    finish(study, view, files)
    assert view.state(view.parent())[0] == "FAILED"


def test_the_page_of_a_finished_study_is_on_its_run(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "drawn", [0.5, 0.25]), StudyFiles(tmp_path)
    assert keep_report(study, files, print) == files.page
    view = connect(study, server.uri, "tests")
    sync(study, view, files)
    client = MlflowClient(server.uri)
    assert {item.path for item in client.list_artifacts(view.parent())} >= {"report.html", "plots", "table.md"}
    there = Path(client.download_artifacts(view.parent(), "report.html")).read_text()
    assert there == files.page.read_text() and "Study drawn" in there
    assert "plots/curves.svg" in {item.path for item in client.list_artifacts(view.parent(), "plots")}


def test_what_is_handed_back_waits(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "waits", []), StudyFiles(tmp_path)
    study.add([Point(overrides={"w": "1"}, varied=("w",))])
    claim = study.claim("w", None)
    assert claim is not None
    Journal(files.trial(0).directory).log({"loss": 1.0}, 1)
    view = connect(study, server.uri, "tests")
    upload = Upload(TrialCard(number=0, point=claim.point, files=files.trial(0), objectives=study.value_names))
    assert not upload.advance(view)
    (run,) = view.children()
    assert (run.info.status, run.data.tags["state"], run.data.params) == ("RUNNING", "running", {"w": "1"})
    assert next(iter(run.data.metrics)) == "best/val/loss_best" and math.isnan(run.data.metrics["best/val/loss_best"])
    upload.is_open = True
    assert upload.advance(view)
    (run,) = view.children()
    assert (run.info.status, run.data.tags["state"]) == ("SCHEDULED", "open")
    study.settle(claim, Stopped(why="its worker stops"), 1.0, max_retries=0)
    pause(study, view, files)
    status, tags = view.state(view.parent())
    assert status == "SCHEDULED" and tags["mlflow.note.content"].startswith("**1 trial**: none has run.")


def test_trials_of_an_earlier_configuration_are_not_in_the_view(server: Server, tmp_path: Path) -> None:
    run(command(tmp_path, "1", "2"), 1.0, 0.1)
    study = command(tmp_path, "1", "2", suffix="!", changed=("2",))
    run(study, 5.0)
    for number in range(3):
        Journal(StudyFiles(tmp_path).trial(number).directory).event("attempt", attempt=1)
    view = connect(study, server.uri, "tests")
    sync(study, view, StudyFiles(tmp_path))
    shown = view_of(study, study.current_trials(), StudyFiles(tmp_path))
    runs = MlflowClient(server.uri).search_runs([view.experiment.id], shown.filter)
    assert sorted(run.data.tags["trial"] for run in runs) == ["0", "2"]  # 1 would be the best of all
    assert {run.tags["trial"]: run.tags["configuration"] for run in view.runs("trial")} == {
        "0": "today", "1": "earlier", "2": "today",
    }  # fmt: skip


def test_sync_sets_right_what_a_killed_worker_has_left(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "killed", []), StudyFiles(tmp_path)
    study.add([Point(overrides={"w": "1"}, varied=("w",))])
    no_process = 2**22 + 1  # above the highest process id
    claim = study.claim(f"host:{machine()}:{no_process}:cafe", None)
    assert claim is not None
    Journal(files.trial(0).directory).log({"loss": 1.0}, 1)
    view = connect(study, server.uri, "tests")
    show_progress(study, view, files)
    Upload(TrialCard(number=0, point=claim.point, files=files.trial(0))).advance(view)
    assert view.state(view.parent())[0] == "RUNNING"
    sync(study, view, files)
    assert view.state(view.parent())[0] == "SCHEDULED" and [run.info.status for run in view.children()] == ["SCHEDULED"]


def test_of_the_views_the_newest_stay_and_those_of_users(server: Server, tmp_path: Path) -> None:
    study = ended(tmp_path, "many", [0.5])
    view = connect(study, server.uri, "many views")
    client = MlflowClient(server.uri)
    client.set_experiment_tag(
        view.experiment.id, f"{TAG}mine", json.dumps({"name": "mine", "updatedAt": 1, "state": "{}"})
    )
    for number in range(MAX_VIEWS + 3):
        view.experiment.keep(SavedView(id=f"sweeps-{number:02d}", name=f"v{number}", filter="", metrics=("a",)))
    kept = sorted(name.removeprefix(TAG) for name in client.get_experiment(view.experiment.id).tags if TAG in name)
    assert kept == ["mine", *(f"sweeps-{number:02d}" for number in range(3, MAX_VIEWS + 3))]


def test_without_views_the_link_has_the_same_rows_in_the_same_order(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, files = ended(tmp_path, "plain", [0.5]), StudyFiles(tmp_path)
    monkeypatch.setattr(experiments, "is_understood", lambda version: False)
    view = connect(study, server.uri, "plain views")
    show_progress(study, view, files)
    link = view.experiment.link(view_of(study, study.trials(), files))
    assert "viewStateShareKey" not in link and "orderByKey=metrics.%60best/val/loss_best%60&orderByAsc=true" in link
    assert not any(TAG in name for name in MlflowClient(server.uri).get_experiment(view.experiment.id).tags)


@pytest.mark.parametrize(
    ("version", "known"), [("3.17.2", True), ("3.15.0", True), ("3.14.1", False), ("4.0", False), ("", False)]
)
def test_which_versions_know_views(version: str, known: bool) -> None:
    assert is_understood(version) is known


def test_the_note_of_a_large_study_is_whole(server: Server, tmp_path: Path) -> None:
    study, files = ended(tmp_path, "large", [float(x) for x in range(40, 0, -1)]), StudyFiles(tmp_path)
    view = connect(study, server.uri, "tests")
    finish(study, view, files)
    note = view.state(view.parent())[1]["mlflow.note.content"]
    assert len(note) <= 4000 and note.endswith("have all cells with mean and spread.")
    assert "The best 10 of 40 cells." in note
    best = [re.findall(r"[\w.*]+", row)[1] for row in note.splitlines() if row.startswith("| cnn")]
    assert best == [str(w) for w in range(39, 29, -1)]


def test_the_note_says_that_trials_are_of_different_code(server: Server, tmp_path: Path) -> None:
    study = Study.create(Database(f"sqlite:///{tmp_path}/studies.db"), "codes", ["minimize"], {"objective": ["loss"]})
    study.add([Point(overrides={"x": str(x)}, varied=("x",)) for x in range(3)])
    study.know_code({"one": {"app.py": "1"}, "two": {"app.py": "2"}})
    for code in ("one", "one", "two"):
        claim = study.claim("w", None)
        assert claim is not None
        study.tell(claim, Completed(values=(1.0,), ran=Ran(code=(code,))))
    view = connect(study, server.uri, "tests")
    finish(study, view, StudyFiles(tmp_path))
    note = view.state(view.parent())[1]["mlflow.note.content"]
    assert "The trials of this table are of different code: trials 0, 1 ran one; trial 2 ran two." in note


def test_names_and_values_in_the_note_are_text(server: Server, tmp_path: Path) -> None:
    study = Study.create(
        Database(f"sqlite:///{tmp_path}/studies.db"), "text", ["minimize"], {"objective": ["<b>loss</b>"]}
    )
    study.add([Point(overrides={"x": "'[a](https://b.example) <img src=c> | **d**'"}, varied=("x",))])
    claim = study.claim("w", None)
    assert claim is not None
    study.tell(claim, Completed(values=(1.0,)))
    view = connect(study, server.uri, "tests")
    finish(study, view, StudyFiles(tmp_path))
    note = view.state(view.parent())[1]["mlflow.note.content"]
    assert "<" not in note and "&#91;a&#93;(https&#58;//b.example) &#60;img src=c&#62; &#124; &#42;&#42;d" in note
    assert "&#60;b&#62;loss&#60;/b&#62; = 1 (minimize)" in note
