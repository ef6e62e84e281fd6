"""Studies of the first version: the line that made them finds them, and nobody else's line does."""

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import FAKES, Commands, lines
from tests.e2e.test_changes import APP, net, project, ran, study, sweep, values

pytestmark = pytest.mark.long

LINE = ("x=1,2", "net=small,wide")
DERIVED = "app-bfae734e"
"""The name that the first version gave to this line."""


def first_version(folder: Path) -> Path:
    """The database of a project in `folder`: 4 trials by LINE, 4 of a study `s` (x=1,2 study.replicates=2)."""
    path = folder / "logs/studies/studies.db"
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript((FAKES / "version_1_line.sql").read_text().replace("@FOLDER@", str(folder)))
    return path


@pytest.fixture
def here(commands: Commands) -> Commands:
    project(commands.folder)
    first_version(commands.folder)
    return commands


def test_the_line_that_made_it_finds_it_again_and_again(here: Commands) -> None:
    for _ in range(2):
        result = sweep(here, *LINE)
        assert f"Study {DERIVED}: 4 trials, 4 of them done." in result.stdout and result.stderr == ""
        assert [line.split("|")[4].strip() for line in lines(result.stdout) if line.startswith("| 2")] == [
            "2.0000",
            "10.0000",
        ]
    assert not (here.folder / "ran.txt").exists() and values(study(here, DERIVED).trials()) == [1, 5, 2, 10]
    assert study(here, "s").database.study_names() == [DERIVED, "s"]


def test_its_points_are_known_by_their_overrides_and_new_ones_are_trained(here: Commands) -> None:
    sweep(here, "x=1,2,3", "study.name=s", "study.replicates=2")
    assert ran(here) == ["3 1", "3 1"] and values(study(here).current_trials()) == [1, 1, 2, 2, 3, 3]
    assert here.run("sweeps", "table", "s").stdout.count("± 0.0000") == 3


def test_once_it_is_known_what_it_ran_an_edit_is_seen(here: Commands) -> None:
    sweep(here, *LINE)
    net(here, "wide", "scale: 7\n")
    assert "net/wide" in sweep(here, *LINE).stderr
    assert ran(here) == ["1 7", "2 7"] and values(study(here, DERIVED).current_trials()) == [1, 2, 7, 14]


@pytest.mark.parametrize("is_continued", [pytest.param(False, marks=pytest.mark.slow), True])
def test_another_project_with_this_line_does_not_get_it(commands: Commands, is_continued: bool) -> None:
    (commands.folder / "one").mkdir()
    path = first_version(commands.folder / "one")
    commands.environment["SWEEPS_STORAGE"] = f"sqlite:///{path}"
    one, two = (Commands(commands.folder / name) for name in ("one", "two"))
    for where, app in ((one, APP), (two, APP.replace("float(", "float(100 * "))):
        where.environment = commands.environment
        project(where.folder, app)
    if is_continued:
        sweep(one, *LINE)
    result = sweep(two, *LINE)
    assert "4 of them done" not in result.stdout and len(ran(two)) == 4
    database = Database(commands.environment["SWEEPS_STORAGE"])
    assert sorted(values(Study(database, name).trials()) for name in database.study_names()) == [
        *([1, 1, 2, 2], [1, 5, 2, 10], [100, 500, 200, 1000])
    ]


@pytest.mark.parametrize(("script", "num_trained"), [("app.py", 0), ("old/app.py", 4)])
def test_where_the_script_is_known_another_one_of_its_name_does_not_get_it(
    here: Commands, script: str, num_trained: int
) -> None:
    command = json.dumps({"module": "__main__", "script": str(here.folder / script), "options": []})
    with contextlib.closing(sqlite3.connect(here.folder / "logs/studies/studies.db")) as database, database:
        row = "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, 'command', ?)"
        database.execute(row, (command,))
    sweep(here, *LINE)
    assert len(ran(here) if num_trained else []) == num_trained


def test_a_copy_in_another_folder_trains_for_itself(here: Commands) -> None:
    copy = Commands(here.folder / "copy")
    copy.environment = {**here.environment, "SWEEPS_STORAGE": f"sqlite:///{here.folder}/logs/studies/studies.db"}
    copy.folder.mkdir()
    project(copy.folder)
    sweep(copy, *LINE)
    assert len(ran(copy)) == 4
    shutil.rmtree(copy.folder)
