"""A study on a real MLflow server that comes, goes and is wiped."""

import json
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from omegaconf import OmegaConf

from sweeps.doctor import examine
from sweeps.outcome import Completed, Failed
from sweeps.report.export import EXPORTS, TRACKED
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.cards import Tag, TrialCard
from sweeps.tracking.complaints import reason
from sweeps.tracking.follow import connect
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.names import fitting
from sweeps.tracking.sync import sync
from sweeps.tracking.uploader import Uploader
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.journal import Journal
from tests.conftest import wait_for
from tests.mlflow_server import Server


def finished_study(folder: Path, name: str, num_steps: int = 50) -> Study:
    """Four trials with journals: three completed, one failed."""
    study = Study.create(
        Database(f"sqlite:///{folder}/studies.db"),
        name,
        ["minimize"],
        {"objective": ["loss"], "directory": str(folder)},
    )
    study.add(Point(overrides={"w": str(w), "model": "dense"}, varied=("w",)) for w in (0.1, 0.5, 1.0, 2.0))
    while (claim := study.claim("w", None)) is not None:
        journal = Journal(folder / "trials" / f"{claim.number:03d}")
        journal.event("attempt", attempt=1, choices={"model": "dense"})
        for step in range(num_steps):
            journal.log({"loss": 1 / (step + 1), "val/acc@1 (α)": step / num_steps}, step)
        (journal.path.parent / "config.yaml").write_text(f"seed: 7\nw: {claim.point.overrides['w']}\n")
        failed = Failed(cause="error", detail="ValueError: x", log_tail="Traceback")
        study.tell(claim, failed if claim.number == 3 else Completed(values=(0.1,), metrics={"loss": 0.1}))
        study.mirror()
    return study


def view_of(study: Study, uri: str) -> MlflowView:
    return connect(study, uri, "tests")


def test_sync_makes_the_runs_and_again_changes_nothing(server: Server, tmp_path: Path) -> None:
    study = finished_study(tmp_path, "synced")
    view = view_of(study, server.uri)
    assert sync(study, view, StudyFiles(tmp_path)) == [0, 1, 2, 3]
    for _ in range(2):
        assert sync(study, view_of(study, server.uri), StudyFiles(tmp_path)) == []
    runs = {run.data.tags["trial"]: run for run in view.children()}
    assert len(runs) == 4 and {run.info.status for run in runs.values()} == {"FINISHED", "FAILED"}
    first = runs["0"]
    assert first.data.params == {"w": "0.1", "model": "dense"}
    assert first.data.metrics["x/w"] == 0.1
    tags = first.data.tags
    assert (tags["arch"], tags["seed"], tags["cell"], tags["study"]) == ("dense", "7", "0.1 (w)", "synced")
    assert tags["mlflow.parentRunId"] == view.parent()
    # What the trial has recorded, and what it has returned.
    assert len(view.history(first.info.run_id, "loss")) == 51 and first.data.metrics["loss"] == 0.1
    assert runs["3"].data.metrics["loss"] == 1 / 50  # it has failed and returned nothing
    assert first.data.metrics[fitting("val/acc@1 (α)")] == 49 / 50
    assert fitting("val/acc@1 (α)").startswith("val/acc_1 ___-")
    assert runs["3"].data.tags["cause"] == "error"
    assert view.state(view.parent())[0] == "FINISHED"
    artifacts = {item.path for item in MlflowClient(server.uri).list_artifacts(first.info.run_id, "config")}
    assert artifacts == {"config/config.yaml"}
    tables = {*(f"table{EXPORTS[name].suffix}" for name in TRACKED), "trials.json"}
    assert {item.path for item in MlflowClient(server.uri).list_artifacts(view.parent())} == tables
    assert examine(study, StudyFiles(tmp_path), lambda: view) == []


def test_a_study_that_is_extended_keeps_its_run(server: Server, tmp_path: Path) -> None:
    study = finished_study(tmp_path, "extended", num_steps=1)
    study.remember("arguments", ["w=0.1,0.5"])
    first = view_of(study, server.uri).parent()
    study.remember("arguments", ["w=0.1,0.5,1.0"])
    view = view_of(study, server.uri)
    assert view.parent() == first
    assert view.state(first)[1]["command"] == "w=0.1,0.5,1.0"


def test_doctor_finds_what_is_missing_and_sync_mends_it(server: Server, tmp_path: Path) -> None:
    study = finished_study(tmp_path, "mended")
    view = view_of(study, server.uri)
    sync(study, view, StudyFiles(tmp_path))
    lost = view.find(TrialCard(number=1, point=Point(overrides={}), files=TrialFiles(tmp_path)))
    assert lost is not None
    MlflowClient(server.uri).delete_run(lost)
    findings = examine(study, StudyFiles(tmp_path), lambda: view)
    assert [finding.problem for finding in findings] == ["trial 1 has 0 runs in MLflow"]
    assert findings[0].advice == f"sweeps sync --storage sqlite:///{tmp_path}/studies.db mended"
    assert sync(study, view_of(study, server.uri), StudyFiles(tmp_path)) == [1]
    assert examine(study, StudyFiles(tmp_path), lambda: view_of(study, server.uri)) == []


@pytest.mark.long
def test_an_uploader_survives_a_server_that_dies_and_comes_back(tmp_path: Path, own_server: Server) -> None:
    server = own_server
    server.start()
    study = finished_study(tmp_path, "bumpy", num_steps=0)
    view = view_of(study, server.uri)
    warnings: list[str] = []
    uploader = Uploader(lambda: view, warnings.append)
    journal = Journal(tmp_path / "trials" / "000")
    card = TrialCard(
        number=0, point=Point(overrides={"w": "0.1"}, varied=("w",)), files=TrialFiles(journal.path.parent)
    )
    uploader.add(card)
    uploader.start()
    slowest_s = 0.0
    for step in range(300):
        if step == 100:
            wait_for(lambda: view.find(card) is not None)
            server.kill()
        if step == 200:
            time.sleep(3)
            server.start()
        began = time.monotonic()
        journal.log({"loss": float(step)}, step)
        slowest_s = max(slowest_s, time.monotonic() - began)
    uploader.end(0, Completed(values=(1.0,)))
    assert uploader.close(drain_s=60, finish=None)
    run_id = view.find(card)
    assert run_id is not None
    assert [point.value for point in view.history(run_id, "loss")] == [float(step) for step in range(300)]
    assert view.state(run_id)[0] == "FINISHED" and len(view.children()) == 1
    assert len(warnings) == 1 and slowest_s < 5  # a call to the server that is away takes longer


def test_an_uploader_gives_up_on_a_server_that_never_answers(tmp_path: Path) -> None:
    study = finished_study(tmp_path, "never", num_steps=3)
    warnings: list[str] = []
    uploader = Uploader(lambda: view_of(study, "http://127.0.0.1:1"), warnings.append)
    directory = tmp_path / "trials" / "000"
    uploader.add(TrialCard(number=0, point=Point(overrides={}), files=TrialFiles(directory)), Completed(values=(1.0,)))
    uploader.start()
    began = time.monotonic()
    assert not uploader.close(drain_s=1, finish=None)
    assert time.monotonic() - began < 60  # it would wait for ever
    assert warnings == ["tracking does not answer: Connection refused"]


def test_the_reason_is_the_innermost_one() -> None:
    nested = "API request failed (Caused by NewConnectionError('x: Failed: [Errno 111] Connection refused'))"
    assert reason(OSError(nested)) == "Connection refused"
    aborted = "failed (Caused by ProtocolError('Connection aborted.', RemoteDisconnected('Remote end closed')))"
    assert reason(OSError(aborted)) == "Remote end closed"
    assert reason(ValueError("")) == "ValueError"


def hard_study(folder: Path, name: str) -> Study:
    """One trial whose journal has names and values that MLflow does not take as they are."""
    study = Study.create(
        Database(f"sqlite:///{folder}/studies.db"),
        name,
        ["minimize"],
        {"objective": ["loss"], "directory": str(folder)},
    )
    study.add([Point(overrides={"w": "1", "a@b": "x" * 9000}, varied=("w",))])
    claim = study.claim("w", None)
    assert claim is not None
    journal = Journal(folder / "trials" / "000")
    journal.event("attempt", attempt=1, tags=["long " * 4000])
    for step in range(3):
        journal.log({name: float(index) for index, name in enumerate(HARD)}, step)
        journal.log({"grad": float("inf"), "down": float("-inf"), "none": float("nan")}, step)
    study.tell(claim, Completed(values=(0.1,), metrics={"loss": 0.1}))
    study.mirror()
    return study


HARD = ["loss", "val//acc", "/val/acc", "a/../b", "n" * 300, "mAP@50", "mAP_50", "acc (top-5)", "F1[macro]", "", "x/"]


@pytest.mark.parametrize("kind", ["server", "embedded"])
def test_hard_names_and_values_arrive_and_doctor_agrees(server: Server, tmp_path: Path, kind: str) -> None:
    study = hard_study(tmp_path, f"hard-{kind}")
    uri = server.uri if kind == "server" else f"sqlite:///{tmp_path}/mlflow.db"
    told: list[str] = []
    view = view_of(study, uri)
    assert sync(study, view, StudyFiles(tmp_path), told.append) == [0] and told == []
    assert sync(study, view_of(study, uri), StudyFiles(tmp_path), told.append) == []
    assert examine(study, StudyFiles(tmp_path), lambda: view) == []
    (run,) = view.children()
    assert run.info.status == "FINISHED" and len(run.data.metrics) == len(HARD) + 3 + 4
    assert {"x/w", "best/loss", "cost/seconds", "cost/attempts"} < set(run.data.metrics)
    for index, name in enumerate(HARD):
        returned = [0.1] if name == "loss" else []
        assert [sample.value for sample in view.history(run.info.run_id, name)] == [float(index)] * 3 + returned
        if fitting(name) != name:
            assert run.data.tags[f"original/{fitting(name)}"] == name
    assert {sample.value for sample in view.history(run.info.run_id, "grad")} == {sys.float_info.max}
    assert {sample.value for sample in view.history(run.info.run_id, "down")} == {-sys.float_info.max}
    assert len(run.data.tags["tags"]) == 8000 and run.data.tags[f"original/{fitting('a@b')}"] == "a@b"
    cut = run.data.params[fitting("a@b")]
    assert len(cut) == 6000 and cut.endswith("xx… (9000 characters)")


def test_what_the_server_refuses_is_named_and_all_else_arrives(server: Server, tmp_path: Path) -> None:
    study = finished_study(tmp_path, "refused", num_steps=3)
    path = tmp_path / "trials" / "001" / "journal.jsonl"
    lines = path.read_text().splitlines()
    # No clock of ours makes it, a task may: MLflow takes no time before 1970.
    lines.insert(2, '{"t": -5, "step": 7, "metrics": {"early": 1.0, "loss": 2.0}}')
    path.write_text("\n".join(lines) + "\n")
    told: list[str] = []
    view = view_of(study, server.uri)
    assert sync(study, view, StudyFiles(tmp_path), told.append) == [0, 1, 2, 3]
    assert sorted(line.split(":")[0] for line in told) == [
        "MLflow refuses metric early of trial 1",
        "MLflow refuses metric loss of trial 1",
    ]
    assert examine(study, StudyFiles(tmp_path), lambda: view) == []
    assert sync(study, view, StudyFiles(tmp_path), told.append) == []
    runs = {run.data.tags["trial"]: run for run in view.children()}
    assert {run.info.status for run in runs.values()} == {"FINISHED", "FAILED"}
    assert len(view.history(runs["1"].info.run_id, "loss")) == 3 + 1 and "early" not in runs["1"].data.metrics
    assert json.loads(runs["1"].data.tags[Tag.REFUSED]) == {"early": 1, "loss": 1}


def test_a_refusal_is_no_outage(server: Server, tmp_path: Path) -> None:
    study = finished_study(tmp_path, "gone", num_steps=1)
    view = view_of(study, server.uri)
    warnings: list[str] = []
    uploader = Uploader(lambda: view, warnings.append)
    cards = [TrialCard(number=n, point=Point(overrides={}), files=StudyFiles(tmp_path).trial(n)) for n in (0, 1)]
    run_id, _ = view.child(cards[0], None)
    MlflowClient(server.uri).set_tag(run_id, "x", "y")
    view.find = lambda card: "0" * 32 if card.number == 0 else None  # type: ignore[method-assign]
    for card in cards:
        uploader.add(card, Completed(values=(1.0,)))
    uploader.start()
    assert uploader.close(drain_s=5, finish=None)
    assert len(warnings) == 1 and warnings[0].startswith("MLflow refuses the run of trial 0: RESOURCE_DOES_NOT_EXIST")
    assert {run.data.tags["trial"]: run.info.status for run in view.children()}["1"] == "FINISHED"


@pytest.mark.slow
def test_a_configuration_of_ten_thousand_keys_is_there_byte_for_byte(server: Server, tmp_path: Path) -> None:
    study = finished_study(tmp_path, "whole", num_steps=1)
    files = StudyFiles(tmp_path)
    odd = ["a\r\nb", " lead", "tail ", "\u2028\x85\u00e9", "#'\"|", "${oc.env:HOME}", "null", "1e5", ""]
    config = {f"key_{i}": {"text": odd[i % len(odd)], "number": i / 7} for i in range(5_000)}
    config["key_7"]["text"] = "x" * 20_000
    written = OmegaConf.to_yaml(OmegaConf.create(config)).encode() + b"# \r\n\xc3\xa9 \x00\r\n"
    files.trial(0).config.write_bytes(written)
    declared = {f"key_{i}": odd[i % len(odd)] for i in range(10_000)} | {"key_7": "x" * 20_000}
    Journal(files.trial(0).directory).event("attempt", attempt=2, seed_key="seed")
    Journal(files.trial(0).directory).event("hyperparameters", values=declared)
    view = view_of(study, server.uri)
    assert 0 in sync(study, view, files)
    run = next(run for run in view.children() if run.data.tags["trial"] == "0")
    client = MlflowClient(server.uri)
    got = Path(client.download_artifacts(run.info.run_id, "config/config.yaml", str(tmp_path)))
    assert got.read_bytes() == written
    params = client.get_run(run.info.run_id).data.params
    assert len(params) == 10_000 + 2 and params["w"] == "0.1"
    cut = {key for key, value in params.items() if value.endswith("… (20000 characters)") and len(value) == 6000}
    assert cut == {"key_7"} and all(params[key] == value for key, value in declared.items() if key not in cut)
