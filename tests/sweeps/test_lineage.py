"""What runs have read and made, on a real MLflow server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sweeps.identity.origin import Origin
from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.follow import connect, sync
from sweeps.tracking.upload import Upload
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.mlflow_server import Server

ORIGIN = Origin(source="app.py", commit="c" * 40, is_dirty=True, repository="https://h/r", user="ann").as_facts()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("mlflow"))
    made.start()
    yield made
    made.kill()


def ended(folder: Path, name: str, values: list[float]) -> Study:
    """Completed trials that minimize `loss`, and have named what they ran and read."""
    facts = {"objective": ["loss"], "directory": str(folder), "command": {"origin": ORIGIN}}
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), name, ["minimize"], facts)
    study.add(Point(overrides={"w": str(w)}, varied=("w",)) for w in range(len(values)))
    for value in values:
        claim = study.claim("w", None)
        assert claim is not None
        journal = Journal(folder / "trials" / f"{claim.number:03d}")
        journal.event("attempt", attempt=1, origin=ORIGIN, versions={"torch": "2.14"}, device="a cpu")
        journal.event("dataset", name="digits", digest="d" * 64, rows={"train": 8, "test": 2})
        journal.log({"test/acc": 1 - value, "loss": value}, 1)
        study.tell(claim, Completed(values=(value,), duration_s=2.0))
    return study


def test_runs_have_their_data_set_program_commit_and_user(server: Server, tmp_path: Path) -> None:
    study = ended(tmp_path, "inputs", [0.5])
    view = connect(study, server.uri, "tests")
    for _ in range(2):
        Upload(TrialCard(number=0, point=study.trials()[0].point, files=StudyFiles(tmp_path).trial(0))).advance(view)  # type: ignore[arg-type]
    sync(study, view, StudyFiles(tmp_path))
    (run,) = view.children()
    (read,) = MlflowClient(server.uri).get_run(run.info.run_id).inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("digits", "d" * 36)
    assert json.loads(read.dataset.profile)["num_rows"] == 10
    parent = MlflowClient(server.uri).get_run(view.parent())
    for tags in (run.data.tags, parent.data.tags):
        assert (tags["mlflow.user"], tags["mlflow.source.name"], tags["mlflow.source.type"]) == (
            "ann",
            "app.py",
            "LOCAL",
        )
        assert (tags["mlflow.source.git.commit"], tags["mlflow.source.git.dirty"]) == ("c" * 40, "true")
    assert (run.data.tags["version.torch"], run.data.tags["device"]) == ("2.14", "a cpu")
    assert run.data.tags["command"] == "w=0"


def test_a_running_trial_already_shows_where_it_comes_from(server: Server, tmp_path: Path) -> None:
    study = ended(tmp_path, "live", [])
    study.add([Point(overrides={"w": "1"}, varied=("w",))])
    claim = study.claim("w", None)
    assert claim is not None
    view, files = connect(study, server.uri, "tests"), StudyFiles(tmp_path).trial(0)
    upload = Upload(TrialCard(number=0, point=claim.point, files=files))
    upload.advance(view)  # before the trial's process has written anything
    journal = Journal(files.directory)
    journal.event("attempt", attempt=1, origin=ORIGIN, versions={}, device="a cpu")
    journal.event("dataset", name="digits", digest="d" * 64, rows={"": 3})
    upload.advance(view)
    (run,) = view.children()
    assert run.info.status == "RUNNING" and run.data.tags["mlflow.user"] == "ann"
    assert [each.dataset.name for each in MlflowClient(server.uri).get_run(run.info.run_id).inputs.dataset_inputs] == [
        "digits"
    ]


def test_a_data_set_that_the_server_refuses_costs_nothing_else(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ended(tmp_path, "refused", [0.5])
    view = connect(study, server.uri, "tests")
    monkeypatch.setattr("sweeps.tracking.origins._LONGEST_DIGEST", 64)  # more than MLflow takes
    told: list[str] = []
    assert sync(study, view, StudyFiles(tmp_path), told.append) == [0]
    assert len(told) == 1 and told[0].startswith("MLflow refuses data set digits of trial 0: INVALID_PARAMETER_VALUE")
    (run,) = view.children()
    assert run.info.status == "FINISHED" and run.data.metrics["test/acc"] == 0.5
