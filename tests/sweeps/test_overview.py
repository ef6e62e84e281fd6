"""`sweeps list`: what the studies of a storage are, also without the libraries that take most of a second."""

import os
import subprocess
from pathlib import Path

import optuna
import pytest
import sqlalchemy as sa

from sweeps.errors import StudyError
from sweeps.report import overview
from sweeps.report.overview import studies_listing
from sweeps.space import Point
from sweeps.study.glance import listed
from sweeps.study.schema import schema
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import BIN


def studies_at(url: str) -> None:
    """Three studies: one with points in every state, one without any, and one of Optuna's alone."""
    database = Database(url)
    study = Study.create(database, "first", ["minimize"], {"objective": ["loss"]})
    study.add(Point(overrides={"x": str(x)}, varied=("x",)) for x in range(4))
    study.claim("w", None)
    study.skipping.skip(3, "a test")
    Study.create(database, "second study", ["maximize", "minimize"], {"objective": ["acc", "size"]})
    optuna.create_study(study_name="optunas", storage=database.storage)
    database.close()


def test_a_look_without_optuna_lists_what_optuna_does(storage_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    studies_at(storage_url)
    assert listed(storage_url) is not None
    quick = studies_listing(storage_url)
    monkeypatch.setattr(overview, "listed", lambda url: None)
    assert studies_listing(storage_url) == quick
    assert [line.split()[0] for line in quick.splitlines()[2:]] == ["first", "second", "optunas"]
    assert quick.splitlines()[2].split() == ["first", "3", "0", "1", "2", "loss"]


def test_the_command_imports_neither_optuna_nor_sqlalchemy(tmp_path: Path) -> None:
    studies_at(f"sqlite:///{tmp_path}/studies.db")
    command = [BIN / "sweeps", "list", "--storage", f"sqlite:///{tmp_path}/studies.db"]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "first" in done.stdout
    assert not any(f" {name}\n" in done.stderr for name in ("optuna", "sqlalchemy", "pandas", "alembic"))


def test_tables_of_another_version_are_opened_as_ever(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    studies_at(url)
    database = Database(url)
    with database.engine.begin() as connection:
        connection.execute(sa.update(schema).values(version=999))
    database.close()
    assert listed(url) is None
    with pytest.raises(StudyError.__bases__[0], match="was made by a later version of this program"):
        studies_listing(url)


def test_a_storage_that_is_not_there_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"the file does not exist\. No study has been started there"):
        studies_listing(f"sqlite:///{tmp_path}/none.db")
    studies_at(f"sqlite:///{tmp_path}/studies.db")
    assert "first" in studies_listing(str(tmp_path))  # a folder
