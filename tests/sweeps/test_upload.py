"""The run of one trial, from its first request to its last."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.cards import Tag, TrialCard
from sweeps.tracking.follow import connect
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.upload import Upload
from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal
from tests.mlflow_server import Server

REQUESTS = ("search_runs", "create_run", "update_run", "log_batch", "log_inputs", "set_terminated", "set_tag")


@pytest.fixture
def card(tmp_path: Path) -> TrialCard:
    """A trial that has begun."""
    card = TrialCard(number=0, point=Point(overrides={"w": "0.5"}, varied=("w",)), files=TrialFiles(tmp_path / "000"))
    card.files.directory.mkdir()
    Journal(card.files.directory).event("attempt", attempt=1, device="cpu")
    return card


@pytest.fixture
def view(server: Server, tmp_path: Path) -> MlflowView:
    database = Database(f"sqlite:///{tmp_path}/studies.db")
    study = Study.create(database, f"upload-{tmp_path.name}", ["minimize"], {"objective": ["loss"]})
    view = connect(study, server.uri, "tests")
    view.parent()
    return view


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, view: MlflowView) -> Iterator[list[str]]:
    """The requests that go to the server, by their names."""
    names: list[str] = []

    def noting(name: str) -> None:
        request = getattr(MlflowClient, name)

        def noted(*args: object, **kwargs: object) -> object:
            names.append(name)
            return request(*args, **kwargs)

        monkeypatch.setattr(MlflowClient, name, noted)

    for name in REQUESTS:
        noting(name)
    yield names


def test_a_trial_needs_few_requests(view: MlflowView, card: TrialCard, asked: list[str]) -> None:
    upload, journal = Upload(card), Journal(card.files.directory)
    journal.log({"loss": 3.0}, 0)
    journal.log({"loss": 2.0}, 1)
    assert not upload.advance(view)
    assert asked == ["search_runs", "create_run", "log_batch"]
    [run] = view.children()
    assert run.info.status == "RUNNING" and run.data.params == {"w": "0.5"} and run.data.metrics["loss"] == 2.0
    assert run.data.tags[Tag.STATE] == "running" and run.data.tags["device"] == "cpu"
    asked.clear()
    assert not upload.advance(view) and asked == []
    journal.log({"loss": 1.0}, 2)
    assert not upload.advance(view) and asked == ["log_batch"]
    asked.clear()
    upload.outcome = Completed(values=(1.0,), duration_s=1.0)
    assert upload.advance(view)
    assert asked == ["log_batch", "set_terminated"]
    [run] = view.children()
    assert run.info.status == "FINISHED" and run.data.tags[Tag.STATE] == "completed"
    assert run.data.params == {"w": "0.5"} and run.data.metrics["x/w"] == 0.5
    assert [sample.value for sample in view.history(run.info.run_id, "loss")] == [3.0, 2.0, 1.0]


def test_a_trial_that_is_taken_up_again_runs_again(view: MlflowView, card: TrialCard, asked: list[str]) -> None:
    first, journal = Upload(card), Journal(card.files.directory)
    journal.log({"loss": 2.0}, 0)
    first.is_open = True
    assert first.advance(view)
    [run] = view.children()
    assert (run.info.status, run.data.tags[Tag.STATE], run.data.tags["device"]) == ("SCHEDULED", "open", "cpu")
    journal.event("attempt", attempt=2, device="gpu")
    journal.log({"loss": 1.0}, 1)
    asked.clear()
    assert not Upload(card).advance(view)
    assert asked == ["search_runs", "update_run", "log_batch"]
    [run] = view.children()
    assert (run.info.status, run.data.tags[Tag.STATE], run.data.tags["device"]) == ("RUNNING", "running", "gpu")
    assert [sample.value for sample in view.history(run.info.run_id, "loss")] == [2.0, 1.0]
