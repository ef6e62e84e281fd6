"""Which run is a trial's: what nobody runs waits, doubles and strays are set right, a new beginning gets its own."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from sweeps.doctor import mend
from sweeps.outcome import Completed
from sweeps.owners import machine
from sweeps.space import Point
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.tracking.upload import Upload
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.tracked import ended_study, new_study, problems


def embedded(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


def test_runs_of_a_worker_that_was_killed_wait_again_once_doctor_mends_them(tmp_path: Path) -> None:
    study, files = new_study(tmp_path, 2), StudyFiles(tmp_path / "files")
    gone = f"host:{machine()}:{2**22 + 1}:cafe"
    claim = study.claim(gone, None)
    assert claim is not None
    Journal(files.trial(0).directory).event("attempt", attempt=1)
    view = connect(study, embedded(tmp_path), "tests")
    assert not Upload(TrialCard(number=0, point=claim.point, files=files.trial(0))).advance(view)
    view.resume(view.parent())
    assert problems(study, files, view) == [
        f"trial 0 is running: its worker {gone} is gone",
        "trial 1 has not run",
        "nobody works on the study, its run is RUNNING",
        "trial 0: nobody runs it, its run is RUNNING",
    ]
    mend(study, files, lambda: view, print)
    assert problems(study, files, view) == [
        "trial 0 is open: attempt 1 lease lost, the process of its worker is gone; seen by sweeps doctor",
        "trial 1 has not run",
    ]
    (run,) = view.children()
    assert (run.info.status, run.data.tags["state"]) == ("SCHEDULED", "open")
    assert view.state(view.parent())[0] == "SCHEDULED"
    mine = study.claim("host:another:1:cafe", None)
    assert mine is not None and mine.number == 0
    view.resume(run.info.run_id)
    mend(study, files, lambda: view, print)  # it may live, on a machine that nobody can see
    assert view.state(run.info.run_id)[0] == "RUNNING" and study.trials()[0].state == "running"


def test_doubles_strays_and_a_lost_run_of_the_study_are_set_right(tmp_path: Path) -> None:
    study, files = ended_study(tmp_path)
    view = connect(study, embedded(tmp_path), "tests")
    sync(study, view, files)
    client, lost = MlflowClient(embedded(tmp_path)), view.parent()
    card = TrialCard(number=1, point=Point(overrides={}), files=files.trial(1), objectives=("loss",))
    double = view.new_child(card, None)
    client.delete_run(lost)
    again = connect(study, embedded(tmp_path), "tests")
    assert problems(study, files, again) == ["the study has 0 runs in MLflow", "trial 1 has 2 runs in MLflow"]
    assert sync(study, again, files) == [0, 1, 2]
    assert problems(study, files, again) == [] and again.parent() != lost
    assert {run.data.tags["mlflow.parentRunId"] for run in again.children()} == {again.parent()}
    assert client.get_run(double).data.tags["sweeps.role"] == "superseded"
    assert sync(study, connect(study, embedded(tmp_path), "tests"), files) == []


def test_an_attempt_that_begins_anew_gets_a_run_of_its_own(tmp_path: Path) -> None:
    study = new_study(tmp_path, 1)
    view = connect(study, embedded(tmp_path), "tests")
    point = Point(overrides={"w": "0"}, varied=("w",))
    here, there = (StudyFiles(tmp_path / name).trial(0) for name in ("here", "there"))
    Journal(here.directory).event("attempt", attempt=1)
    Journal(here.directory).log({"loss": 9.0}, 7)
    assert not Upload(TrialCard(number=0, point=point, files=here)).advance(view)
    (first,) = view.children()
    second = Upload(TrialCard(number=0, point=point, files=there))
    assert not second.advance(view) and len(view.children()) == 1  # it has written nothing: it may go on
    Journal(there.directory).event("attempt", attempt=2)
    Journal(there.directory).log({"loss": 1.0}, 1)
    Journal(there.directory).log({"loss": 0.5}, 2)
    second.outcome = Completed(values=(0.5,), duration_s=1.0)
    assert second.advance(view)
    (run,) = view.children()
    assert run.info.run_id != first.info.run_id and len(view.history(run.info.run_id, "loss")) == 2
    tags = MlflowClient(embedded(tmp_path)).get_run(first.info.run_id).data.tags
    assert tags["sweeps.role"] == "superseded"


def test_what_fails_on_its_way_is_sent_once_more_and_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, files = ended_study(tmp_path, 1)
    trial = study.trials()[0]
    view = connect(study, embedded(tmp_path), "tests")
    assert trial.point is not None
    card = TrialCard(number=0, point=trial.point, files=files.trial(0), objectives=("loss",))
    upload = Upload(card)
    assert not upload.advance(view)  # `test/acc` has one value, and waits
    upload.outcome = trial.outcome
    attach = view.attach

    def away(*arguments: Any) -> None:
        monkeypatch.setattr(view, "attach", attach)
        raise ConnectionError("away")

    monkeypatch.setattr(view, "attach", away)
    with pytest.raises(ConnectionError):
        upload.advance(view)
    assert upload.advance(view)
    (run,) = view.children()
    assert [(s.step, s.value) for s in view.history(run.info.run_id, "test/acc")] == [(0, 0.5)]
    assert [s.step for s in view.history(run.info.run_id, "loss")] == [0, 1, 2]
    # The study itself has not been sent.
    assert problems(study, files, view)[1:] == [
        "table.csv, table.html, table.md, trials.json of the study's run are not in MLflow"
    ]
