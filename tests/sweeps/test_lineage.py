"""What runs have read and made, on a real MLflow server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml
from mlflow import MlflowClient

from sweeps.cli.registering import register
from sweeps.doctor import examine
from sweeps.errors import StudyError, SweepsError
from sweeps.identity.origin import Origin
from sweeps.outcome import Completed, Failed
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.cards import TrialCard
from sweeps.tracking.follow import connect
from sweeps.tracking.models import KeptModel
from sweeps.tracking.sync import sync
from sweeps.tracking.upload import Upload
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.mlflow_server import Server

ORIGIN = Origin(source="app.py", commit="c" * 40, is_dirty=True, repository="https://h/r", user="ann").as_facts()


@pytest.fixture(autouse=True)
def no_address_stays() -> Iterator[None]:
    """MLflow keeps the address that it is told in the environment, where other tests would find it."""
    yield
    mlflow.set_tracking_uri("")


def ended(folder: Path, name: str, values: list[float], models: str = "best", uri: str = "") -> Study:
    """Completed trials that minimize `loss`, have named what they ran and read, and have kept a model."""
    facts: dict[str, Any] = {"objective": ["loss"], "directory": str(folder), "command": {"origin": ORIGIN}}
    facts["tracking"] = {"uri": uri, "experiment": "tests", "models": models}
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), name, ["minimize"], facts)
    study.add(Point(overrides={"w": str(w)}, varied=("w",)) for w in range(len(values)))
    for value in values:
        claim = study.claim("w", None)
        assert claim is not None
        journal = Journal(folder / "trials" / f"{claim.number:03d}")
        journal.event("attempt", attempt=1, origin=ORIGIN, versions={"torch": "2.14"}, device="a cpu")
        journal.event("dataset", name="digits", digest="d" * 64, rows={"train": 8, "test": 2})
        journal.log({"test/acc": 1 - value, "loss": value}, 1)
        folder_of_model = journal.path.parent / "model"
        (folder_of_model / "data").mkdir(parents=True)
        (folder_of_model / "MLmodel").write_text(yaml.safe_dump({"flavors": {"x": {"note": "password=canary-note"}}}))
        (folder_of_model / "data" / "weights").write_bytes(b"\xff" + str(value).encode())
        journal.event("model", path="model")
        study.tell(claim, Completed(values=(value,), duration_s=2.0))
        study.mirror()
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


def models(view: Any, study: Study) -> dict[str, Any]:
    """Trial to model of a study on the server."""
    client = view._client
    found = client.search_logged_models(
        [view.experiment.id], filter_string=f"tags.`sweeps.study_key` = '{study.facts['key']}'"
    )
    return {model.tags["trial"]: model for model in found}


def test_the_best_trial_s_model_is_sent_once_with_its_metrics(server: Server, tmp_path: Path) -> None:
    study = ended(tmp_path, "best", [0.5, 0.25, 0.75])
    for _ in range(2):
        view = connect(study, server.uri, "tests")
        sync(study, view, StudyFiles(tmp_path))
    found = models(view, study)
    assert list(found) == ["1"]
    model = found["1"]
    assert (str(model.status), model.name, model.params) == ("READY", "trial-1", {"w": "1"})
    assert {(m.key, m.value, m.dataset_name) for m in model.metrics} == {
        ("test/acc", 0.75, "digits"), ("loss", 0.25, "digits"),
    }  # fmt: skip
    run_id = view.find(TrialCard(number=1, point=Point(overrides={}), files=StudyFiles(tmp_path).trial(1)))
    assert model.source_run_id == run_id
    run = MlflowClient(server.uri).get_run(run_id)
    assert [made.model_id for made in run.outputs.model_outputs] == [model.model_id]
    assert len(view.history(run_id, "test/acc")) == 1 and examine(study, StudyFiles(tmp_path), lambda: view) == []
    mlflow.set_tracking_uri(server.uri)
    place = Path(mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=str(tmp_path / "got")))
    assert (place / "data" / "weights").read_bytes() == b"\xff0.25"
    described = yaml.safe_load((place / "MLmodel").read_text())
    assert (described["model_id"], described["run_id"]) == (model.model_id, run_id)
    assert described["flavors"]["x"]["note"] == "password=***"


@pytest.mark.parametrize(("asked", "sent"), [("all", ["0", "1"]), ("none", [])])
def test_which_models_are_sent_is_a_setting(server: Server, tmp_path: Path, asked: str, sent: list[str]) -> None:
    study = ended(tmp_path, asked, [0.5, 0.25], models=asked)
    view = connect(study, server.uri, "tests")
    sync(study, view, StudyFiles(tmp_path))
    assert sorted(models(view, study)) == sent


def test_a_model_is_registered_under_the_study_s_name_and_an_alias(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = ended(tmp_path, "named", [0.5, 0.25], models="none", uri=server.uri)
    sync(study, connect(study, server.uri, "tests"), StudyFiles(tmp_path))
    storage = f"sqlite:///{tmp_path}/studies.db"
    for _ in range(2):
        register("named", alias="champion", storage=storage)
    assert capsys.readouterr().out.splitlines() == 2 * [
        "named: trial 1 is version 1 of model named: models:/named@champion"
    ]
    register("named", trial=0, model="other name", storage=storage)
    assert capsys.readouterr().out == "named: trial 0 is version 1 of model other name: models:/other name/1\n"
    register("named", trial=0, storage=storage)
    client = MlflowClient(server.uri)
    champion = client.get_model_version_by_alias("named", "champion")
    assert (champion.version, len(client.search_model_versions("name = 'named'"))) == ("1", 2)
    place = Path(mlflow.artifacts.download_artifacts("models:/named@champion", dst_path=str(tmp_path / "got")))
    assert (place / "data" / "weights").read_bytes() == b"\xff0.25"


def told(**asked: Any) -> str:
    with pytest.raises(SweepsError) as error:
        register(**asked)
    assert error.value.exit_code == 2 and "\n" not in str(error.value)
    return str(error.value)


def test_what_cannot_be_registered_is_told_in_one_line(server: Server, tmp_path: Path) -> None:
    study = ended(tmp_path, "odd", [0.5], uri=server.uri)
    asked = {"name": "odd", "storage": f"sqlite:///{tmp_path}/studies.db"}
    assert "There is no study 'nope'" in told(**{**asked, "name": "nope"})
    assert told(**asked) == (
        f"odd: MLflow has no run of trial 0. `sweeps sync --storage sqlite:///{tmp_path}/studies.db odd` sends it."
    )
    assert told(**asked, tracking="http://127.0.0.1:1").startswith("--tracking=http://127.0.0.1:1 does not answer")
    assert "takes no such name: Version alias name 'v1' is reserved" in told(**asked, alias="v1")
    assert "takes no such name" in told(**asked, model="a/b")
    assert "trial 7 is not there" in told(**asked, trial=7)
    sync(study, connect(study, server.uri, "tests"), StudyFiles(tmp_path))
    study.add(Point(overrides={"w": str(w)}, varied=("w",)) for w in (7, 8))
    assert "odd is not completed: 2 of 3 trials have not ended" in told(**asked)
    claim = study.claim("w", None)
    assert claim is not None
    study.tell(claim, Failed(cause="error", detail="x"))
    assert "trial 1 is failed" in told(**asked, trial=1)
    claim = study.claim("w", None)
    assert claim is not None
    study.tell(claim, Completed(values=(0.1,)))  # it has kept no model
    Journal(tmp_path / "trials" / "002").event("attempt", attempt=1)
    sync(study, connect(study, server.uri, "tests"), StudyFiles(tmp_path))
    assert "trial 2 has kept no checkpoint as a model" in told(**asked)
    study.remember("tracking", {"uri": "", "experiment": "tests"})
    assert "is not tracked" in told(**asked)
    assert MlflowClient(server.uri).search_registered_models("name = 'odd'") == []


def test_a_model_is_in_its_trial_s_directory(tmp_path: Path) -> None:
    files = StudyFiles(tmp_path).trial(0)
    journal = Journal(files.directory)
    (tmp_path / "MLmodel").write_text("secret")
    for path in ("../..", "nowhere", "/etc", "\0"):
        journal.event("model", path=path)
        assert KeptModel.of(files) is None
    (files.directory / "m").mkdir()
    journal.event("model", path="m")
    for content in ("", "{", "[]", "*x", "\x00"):
        (files.directory / "m" / "MLmodel").write_text(content)
        assert KeptModel.of(files) is None
    (files.directory / "m" / "MLmodel").write_text("{a: 0}")
    (files.directory / "m" / "link").symlink_to("/etc/hostname")
    journal.event("model", path="m")
    model = KeptModel.of(files)
    assert model is not None and list(model.files) == ["MLmodel"]
    before = model.digest
    (files.directory / "m" / "MLmodel").write_text("{a: 1}")
    assert model.digest != before


def test_an_unknown_choice_of_models_is_told(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    from sweeps.checked import tracking_settings

    with pytest.raises(StudyError, match=r"tracking.models=bst is unknown. Known: best"):
        tracking_settings(OmegaConf.create({"tracking": {"models": "bst"}}))


def test_a_model_that_cannot_be_read_costs_nothing_else(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ended(tmp_path, "unread", [0.5])
    view = connect(study, server.uri, "tests")
    monkeypatch.setattr(KeptModel, "laid_out", lambda *_: (tmp_path / "gone").read_bytes())
    told: list[str] = []
    assert sync(study, view, StudyFiles(tmp_path), told.append) == [0]
    assert len(told) == 1 and told[0].startswith("The model of trial 0 cannot be read: [Errno 2] No such file")
    assert models(view, study) == {} and view.state(view.parent())[0] == "FINISHED"
