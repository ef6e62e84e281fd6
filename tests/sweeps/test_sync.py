"""What MLflow lacks of a study is told by doctor and sent by sync, from whichever machine, on a real server."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient

from benchmarks.sync import measure
from sweeps.doctor import examine
from sweeps.outcome import Completed
from sweeps.report.export import EXPORTS, TRACKED
from sweeps.tracking.experiment import TAG
from sweeps.tracking.follow import connect
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.sync import sync
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.mlflow_server import Server
from tests.tracked import by_trial, ended_study, new_study, problems, run_trial

TABLES = sorted([*(f"table{EXPORTS[name].suffix}" for name in TRACKED), "trials.json"])


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
    study.mirror()
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


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_trials_are_sent_and_looked_at_in_time(tmp_path: Path) -> None:
    """In seconds of the processor, its own and the server's together: on two free cores it takes less than that."""
    sent, again, looked, elsewhere, looked_there = (row.here_s + row.server_s for row in measure(tmp_path, 1000))
    assert sent <= 95 and elsewhere <= 95, (sent, elsewhere)  # 2,000 points/s
    assert again <= 10 and looked <= 20 and looked_there <= 20, (again, looked, looked_there)


def test_values_of_the_selected_step_have_names_of_their_own(server: Server, tmp_path: Path) -> None:
    """By its own name MLflow shows the sample of the last step, and the curve has what was recorded."""
    study = new_study(tmp_path, 3)
    for selected in (1, 2, None):
        files = run_trial(study, tmp_path, Completed(values=(1 / 3,), duration_s=1.0), selected=selected)
    view = connect(study, server.uri, "tests")
    sync(study, view, files)
    runs = by_trial(view)
    shown = [{k: v for k, v in runs[trial].data.metrics.items() if k.startswith("selected/")} for trial in "012"]
    assert shown == [{"selected/loss": 0.5}, {"selected/loss": 1 / 3}, {}]
    assert runs["0"].data.metrics["loss"] == 1 / 3 and runs["0"].data.metrics["test/acc"] == 0.5
    curve = view.history(runs["0"].info.run_id, "loss")
    assert [(sample.step, sample.value) for sample in curve] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert problems(study, files, view) == [] and sync(study, connect(study, server.uri, "tests"), files) == []
