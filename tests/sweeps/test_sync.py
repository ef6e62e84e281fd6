"""What MLflow lacks of a study is told by doctor and sent by sync, from whichever machine, on a real server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient

from sweeps.doctor import examine, mend
from sweeps.outcome import Completed, Failed, Outcome
from sweeps.owners import machine
from sweeps.report.export import EXPORTS
from sweeps.space import Point
from sweeps.study.requeue import Ended
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.experiment import TAG
from sweeps.tracking.follow import connect
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.sync import sync
from sweeps.tracking.upload import Upload
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.mlflow_server import Server

TABLES = sorted(f"table{export.suffix}" for export in EXPORTS.values())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("mlflow"))
    made.start()
    yield made
    made.kill()


def new_study(folder: Path, num_open: int) -> Study:
    facts = {"objective": ["loss"], "directory": str(folder / "files")}
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), folder.name, ["minimize"], facts)
    study.add(Point(overrides={"w": str(w), "model": "dense"}, varied=("w", "model")) for w in range(num_open))
    return study


def run_trial(study: Study, folder: Path, outcome: Outcome, *, keeps_files: bool = True) -> StudyFiles:
    """Run the next trial as a worker does: a journal, a configuration, a file that it keeps."""
    files = StudyFiles(folder / "files")
    claim = study.claim("w", None)
    assert claim is not None
    own = files.trial(claim.number)
    journal = Journal(own.directory)
    journal.event("attempt", attempt=claim.attempt, seed_key="seed", seed=7, choices={"model": "dense"})
    for step in range(3):
        journal.log({"loss": 1 / (step + 1), "epoch": float(step)}, step)
    journal.log({"test/acc": 0.5}, 2)
    own.config.write_bytes(f"seed: 7\nw: {claim.point.overrides['w']}\r\nname: äöü\n".encode())
    if keeps_files:
        (own.directory / "plots").mkdir()
        (own.directory / "plots" / "a.png").write_bytes(b"\x89PNG\x00\xff")
        journal.event("artifact", path="plots")
    study.settle(claim, Ended(outcome=outcome), 1.0, 0, own)
    return files


def ended_study(folder: Path, num: int = 3) -> tuple[Study, StudyFiles]:
    """Completed trials, the last one failed."""
    study = new_study(folder, num)
    for number in range(num):
        failed = Failed(cause="error", detail="ValueError: x", log_tail="Traceback", duration_s=1.0)
        run_trial(study, folder, failed if number == num - 1 else Completed(values=(0.25,), duration_s=1.0))
    return study, StudyFiles(folder / "files")


def problems(study: Study, files: StudyFiles, view: MlflowView) -> list[str]:
    return [finding.problem for finding in examine(study, files, lambda: view)]


def by_trial(view: MlflowView) -> dict[str, Any]:
    return {run.data.tags["trial"]: run for run in view.children()}


def test_files_that_are_gone_are_named_and_come_back_byte_for_byte(server: Server, tmp_path: Path) -> None:
    study, files = ended_study(tmp_path)
    view = connect(study, server.uri, "tests")
    assert sync(study, view, files) == [0, 1, 2] and problems(study, files, view) == []
    shutil.rmtree(server.folder / "artifacts")
    config, plot = "config/config.yaml is not in MLflow", "plots/a.png is not in MLflow"
    assert problems(study, files, view) == [
        f"{', '.join(TABLES)} of the study's run are not in MLflow",
        *(f"trial {number}: {what}" for number in range(2) for what in (config, plot)),
        *(f"trial 2: {what}" for what in ("log_tail.txt is not in MLflow", config, plot)),
    ]
    assert sync(study, view, files) == [0, 1, 2] and sync(study, view, files) == []
    assert problems(study, files, view) == []
    client = MlflowClient(server.uri)
    for number, run in by_trial(view).items():
        own = files.trial(int(number))
        for name in ("config/config.yaml", "plots/a.png"):
            there = Path(client.download_artifacts(run.info.run_id, name)).read_bytes()
            assert there == (own.directory / name.removeprefix("config/")).read_bytes()
    # One that is cut short is noticed, too.
    (run_id,) = [run.info.run_id for run in view.children() if run.data.tags["trial"] == "1"]
    (there,) = (server.folder / "artifacts").rglob(f"{run_id}/**/config.yaml")
    there.write_bytes(b"seed")
    size = files.trial(1).config.stat().st_size
    assert problems(study, files, view) == [f"trial 1: config/config.yaml has 4 bytes in MLflow, {size} recorded"]
    assert sync(study, view, files) == [1] and there.stat().st_size == size


def test_a_trial_is_sent_in_four_requests(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, files = new_study(tmp_path, 12), StudyFiles(tmp_path / "files")
    for _ in range(12):
        run_trial(study, tmp_path, Completed(values=(0.25,), duration_s=1.0), keeps_files=False)
    asked: list[str] = []
    send = requests.Session.send

    def counted(session: requests.Session, request: Any, **options: Any) -> Any:
        asked.append(f"{request.method} {request.path_url.split('?')[0]}")
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", counted)
    view = connect(study, server.uri, "tests")
    view.parent()
    asked.clear()
    assert len(sync(study, view, files)) == 12
    num_of = {end: sum(line.endswith(end) for line in asked) for end in ("runs/create", "config.yaml", "runs/search")}
    assert num_of["runs/create"] == num_of["config.yaml"] == 12 and num_of["runs/search"] <= 4
    of_parent = [line for line in asked if "table" in line]
    # Beside the trials: searches, the study's figures, note, views and tables.
    assert len(asked) <= 4 * 12 + len(of_parent) + 16, asked
    asked.clear()
    assert sync(study, connect(study, server.uri, "tests"), files) == []
    assert not any(line.endswith("runs/create") for line in asked)


def shown(view: MlflowView) -> dict[str, Any]:
    """All that a server shows of a study, less the ids of its runs."""
    client, found = MlflowClient(view.uri), {}
    for run in view.children():
        run_id, tags = run.info.run_id, dict(run.data.tags)
        assert tags.pop("mlflow.parentRunId") == view.parent()
        files = {item.path for folder in ("", "config", "plots") for item in client.list_artifacts(run_id, folder)}
        curves = {name: [(s.step, s.value) for s in view.history(run_id, name)] for name in run.data.metrics}
        times = (run.info.start_time, run.info.end_time, run.info.status, run.info.run_name)
        found[tags["trial"]] = (run.data.params, tags, curves, files, times)
    parent = client.get_run(view.parent())
    kept = client.get_experiment(view.experiment.id).tags
    views = {name: json.loads(value)["state"] for name, value in kept.items() if TAG in name}
    times = (parent.info.start_time, parent.info.end_time, parent.info.status)
    return {**found, "parent": (times, parent.data.metrics, parent.data.params), "views": views}


def test_another_machine_sends_all_of_a_study_to_a_server_that_was_wiped(server: Server, tmp_path: Path) -> None:
    study, files = ended_study(tmp_path)
    first = connect(study, server.uri, "before")
    sync(study, first, files)
    files.directory.rename(tmp_path / "on another machine")
    wiped = connect(study, server.uri, "wiped")
    elsewhere = StudyFiles(tmp_path / "files of this machine")
    assert problems(study, elsewhere, wiped) == [
        "the study has 0 runs in MLflow", *(f"trial {number} has 0 runs in MLflow" for number in range(3)),
    ]  # fmt: skip
    told: list[str] = []
    assert sync(study, wiped, elsewhere, told.append) == [0, 1, 2] and told == []
    assert problems(study, elsewhere, wiped) == []
    before, after = shown(first), shown(wiped)
    assert after == before and before["parent"][0][0] == round(1000 * study.events()[0].at)
    assert {"plots/a.png", "config/config.yaml"} <= before["0"][3]
    assert not elsewhere.directory.exists()


def test_what_only_another_machine_has_is_told_and_not_taken_for_sent(server: Server, tmp_path: Path) -> None:
    study = new_study(tmp_path, 2)
    files = run_trial(study, tmp_path, Completed(values=(0.25,), duration_s=1.0))
    own = files.trial(0)
    (own.directory / "big.bin").write_bytes(bytes(range(256)) * 8000)
    Journal(own.directory).event("artifact", path="big.bin")
    study.bundles.keep(0, 1, own)
    claim = study.claim("w", None)
    assert claim is not None and study.tell(claim, Completed(values=(1.0,)))  # of an earlier version: no bundle
    elsewhere = StudyFiles(tmp_path / "elsewhere")
    view = connect(study, server.uri, "tests")
    told: list[str] = []
    assert sync(study, view, elsewhere, told.append) == [0]
    assert told == [
        "big.bin of trial 0 is neither in MLflow nor here: `sweeps sync` on the machine that ran it sends it.",
        "Trial 1 ran elsewhere, and the study does not have its journal: "
        "`sweeps sync` on the machine that ran it sends it.",
    ]
    findings = examine(study, elsewhere, lambda: view)
    assert [finding.problem for finding in findings] == [
        f"trial 1 has no directory under {elsewhere.directory}",
        "trial 0: big.bin is neither in MLflow nor here",
        "trial 1 has 0 runs in MLflow",
    ]
    assert findings[1].advice.endswith(", on the machine that ran it")
    assert sync(study, view, files, told.append) == [0]  # on the machine that ran it
    assert "big.bin" in view.sizes(by_trial(view)["0"].info.run_id)
    assert problems(study, elsewhere, view) == [
        f"trial 1 has no directory under {elsewhere.directory}", "trial 1 has 0 runs in MLflow",
    ]  # fmt: skip


def test_runs_of_a_worker_that_was_killed_wait_again_once_doctor_mends_them(server: Server, tmp_path: Path) -> None:
    study, files = new_study(tmp_path, 2), StudyFiles(tmp_path / "files")
    gone = f"host:{machine()}:{2**22 + 1}:cafe"
    claim = study.claim(gone, None)
    assert claim is not None
    Journal(files.trial(0).directory).event("attempt", attempt=1)
    view = connect(study, server.uri, "tests")
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


def test_doubles_strays_and_a_lost_run_of_the_study_are_set_right(server: Server, tmp_path: Path) -> None:
    study, files = ended_study(tmp_path)
    view = connect(study, server.uri, "tests")
    sync(study, view, files)
    client, lost = MlflowClient(server.uri), view.parent()
    card = TrialCard(number=1, point=Point(overrides={}), files=files.trial(1), objectives=("loss",))
    double = view.new_child(card, None)
    client.delete_run(lost)
    again = connect(study, server.uri, "tests")
    assert problems(study, files, again) == ["the study has 0 runs in MLflow", "trial 1 has 2 runs in MLflow"]
    assert sync(study, again, files) == [0, 1, 2]
    assert problems(study, files, again) == [] and again.parent() != lost
    assert {run.data.tags["mlflow.parentRunId"] for run in again.children()} == {again.parent()}
    assert client.get_run(double).data.tags["sweeps.role"] == "superseded"
    assert sync(study, connect(study, server.uri, "tests"), files) == []


def test_an_attempt_that_begins_anew_gets_a_run_of_its_own(server: Server, tmp_path: Path) -> None:
    study = new_study(tmp_path, 1)
    view = connect(study, server.uri, "tests")
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
    tags = MlflowClient(server.uri).get_run(first.info.run_id).data.tags
    assert tags["sweeps.role"] == "superseded"


def test_what_fails_on_its_way_is_sent_once_more_and_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, files = ended_study(tmp_path, 1)
    trial = study.trials()[0]
    view = connect(study, f"sqlite:///{tmp_path}/mlflow.db", "tests")
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
    assert problems(study, files, view)[1:] == []
