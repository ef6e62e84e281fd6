"""Commands that work as they are printed."""

import shlex
import sys
from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.report.opened import open_study
from sweeps.report.typed import looked_at, repeated, shown_by_mlflow
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.studies import study_of, url


def study_at(folder: Path, name: str = "s", file: str = "studies.db") -> Study:
    return Study.create(Database(f"sqlite:///{folder}/{file}"), name, ["minimize"], {"objective": ["loss"]})


def test_the_storage_is_named_where_sweeps_would_look_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWEEPS_STORAGE", raising=False)
    usual, other = study_at(tmp_path / "logs/studies"), study_at(tmp_path / "a b")
    assert looked_at("table", usual) == "sweeps table s"
    assert looked_at("table", other) == f"sweeps table --storage 'sqlite:///{tmp_path}/a b/studies.db' s"
    assert Study(Database("sqlite:///logs/studies/studies.db"), "s").facts["key"] == usual.facts["key"]
    monkeypatch.setenv("SWEEPS_STORAGE", f"sqlite:///{tmp_path}/a b/studies.db")
    assert looked_at("worker", other) == "sweeps worker s"
    assert looked_at("worker", usual) == f"sweeps worker --storage sqlite:///{tmp_path}/logs/studies/studies.db s"
    # `sweeps worker --storage` has set the variable for its own command, not for the terminal.
    monkeypatch.setenv("SWEEPS_STORED_COMMAND", str(tmp_path))
    assert looked_at("worker", usual) == "sweeps worker s" and "--storage" in looked_at("worker", other)


def test_another_name_of_this_python_is_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("python", "python3.11", "elsewhere/python"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(sys.executable)
    study = study_at(tmp_path)
    study.remember("command", {"script": "tune.py", "module": "__main__", "directory": str(tmp_path), "options": []})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3.11"))
    for folder, program in {"": "python", "elsewhere": str(tmp_path / "python3.11")}.items():
        monkeypatch.setenv("PATH", str(tmp_path / folder))
        assert repeated(study, Point(overrides={"x": "1"}, varied=("x",))).split()[0] == program


def test_a_worker_that_was_typed_elsewhere_prints_what_works_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    study = study_at(tmp_path / "logs/studies")
    study.remember("command", {"module": "__main__", "script": str(tmp_path / "fit.py"), "options": []})
    point = Point(overrides={"x": "1"}, varied=("x",))
    monkeypatch.setenv("SWEEPS_STORED_COMMAND", "/")
    assert looked_at("table", study) == f"sweeps table --storage sqlite:///{tmp_path}/logs/studies/studies.db s"
    assert shown_by_mlflow(study, "sqlite:///mlflow.db") == (
        f"sweeps ui --tracking sqlite:///{tmp_path}/mlflow.db --storage sqlite:///{tmp_path}/logs/studies/studies.db s"
    )
    assert repeated(study, point).endswith(f" {str(tmp_path)[1:]}/fit.py x=1")
    monkeypatch.setenv("SWEEPS_STORED_COMMAND", "/nowhere")
    assert repeated(study, point).endswith(f" {tmp_path}/fit.py x=1")


def test_an_environment_that_names_no_storage_ends_no_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPS_STORAGE", "nonsense")
    assert looked_at("table", study_at(tmp_path)) == f"sweeps table --storage {url(tmp_path)} s"


@pytest.mark.parametrize("name", ["two words", "a'b", "$HOME", "-x", "ünï"])
def test_a_name_is_quoted_for_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SWEEPS_STORAGE", url(tmp_path))
    words = shlex.split(looked_at("show", study_at(tmp_path, name)))
    assert words == ["sweeps", "show", *(["--"] if name[0] == "-" else []), name]


def test_a_tracking_address_is_named_where_it_is_not_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SWEEPS_STORAGE", url(tmp_path))
    study = study_at(tmp_path)
    assert shown_by_mlflow(study, "sqlite:///mlflow.db") == "sweeps ui s"
    assert shown_by_mlflow(study, "sqlite:///my runs.db") == "sweeps ui --tracking 'sqlite:///my runs.db' s"
    assert shown_by_mlflow(study, "http://ann:canary1@host:5000") == "sweeps ui --tracking http://host:5000 s"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:canary1@host:5000")
    assert shown_by_mlflow(study, "http://ann:canary1@host:5000") == "sweeps ui s"
    dashed = study_at(tmp_path, "-x")
    assert shown_by_mlflow(dashed, "sqlite:///r.db") == "sweeps ui --tracking sqlite:///r.db -- -x"


def test_no_password_is_printed(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEPS_STORAGE", raising=False)
    study = Study.create(Database(postgres_url), "s", ["minimize"], {"objective": ["loss"]})
    study.database.url = study.database.url.set(password="canary-of-test")
    assert "canary" not in looked_at("table", study) and "postgresql://" in looked_at("table", study)


def test_a_module_is_started_by_its_console_script_where_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, point = study_of(tmp_path, []), Point(overrides={"x": "'a b'", "~y": ""})
    for module, expected in (("trainer_pkg.train", "train"), ("my.app", "-m my.app")):
        study.remember("command", {"module": module, "script": None, "options": []})
        assert f"{expected} 'x='\"'\"'a b'\"'\"'' '~y'" in repeated(study, point)
    study.remember("command", {"module": "__main__", "script": f"{tmp_path}/app.py", "options": []})
    monkeypatch.chdir(tmp_path)
    assert " app.py " in repeated(study, point)


def test_a_study_is_found_by_its_folder_and_who_looks_at_the_wrong_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_at(tmp_path / "mine", "a")
    study_at(tmp_path / "usual", "b")
    for place in (tmp_path / "mine", tmp_path / "mine/studies.db", f"sqlite:///{tmp_path}/mine/studies.db"):
        assert open_study("a", str(place)).name == "a"
    monkeypatch.setenv("SWEEPS_STORAGE", f"sqlite:///{tmp_path}/usual/studies.db")
    with pytest.raises(StudyError, match=r"no study 'a'. Studies: b. --storage=URL, or the study.directory"):
        open_study("a", None)
    monkeypatch.setenv("SWEEPS_STORAGE", f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(StudyError, match=r"does not exist.*--storage=URL"):
        open_study("a", None)
