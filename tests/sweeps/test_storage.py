"""What a database is to those who look, to later versions, to errors that pass and to those that do not."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from sweeps.errors import StorageError, StorageLost, StudyError
from sweeps.outcome import Completed
from sweeps.study.schema import VERSION, events, rows, schema
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.urls import check_url
from tests.conftest import BIN, FAKES, REPOSITORY
from tests.sweeps.test_study import claim, finish, grid, make

OLD = FAKES / "version_1.sql"
SWEEPS = str(BIN / "sweeps")


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="sweeps-tests-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_reader(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `sweeps` as somebody who may read the folder and no more."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o755 if os.getuid() == 0 else 0o555)
    reader = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": "/nonexistent"}
    environment |= {"SWEEPS_STORAGE": f"sqlite:///{folder}/studies.db", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    code = f"import sys; sys.argv = {['sweeps', *arguments]!r}; from sweeps.cli import main; main()"
    return subprocess.run(
        [*reader, sys.executable, "-c", code], cwd="/", env=environment, capture_output=True, text=True
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.long
@pytest.mark.parametrize("is_in_use", [False, True])
def test_looking_needs_no_right_but_to_read(public: Path, is_in_use: bool) -> None:
    url = f"sqlite:///{public}/studies.db"
    study = Study.create(
        Database(url),
        "s",
        ["minimize"],
        {"objective": ["loss"], "directory": str(public / "s"), "tracking": {"uri": ""}},
    )
    study.add(grid(1, 2))
    finish(study, claim(study), 0.25)
    if not is_in_use:
        study.database.engine.dispose()
    before = contents(public)
    assert ("studies.db-wal" in before) == is_in_use
    outputs = {}
    for arguments in (["list"], ["show", "s"], ["table", "s"], ["doctor", "s"], ["show", "s", "--trial", "0"]):
        done = as_reader(public, *arguments)
        outputs[" ".join(arguments)] = done.stdout
        assert done.returncode == (1 if arguments[0] == "doctor" else 0), (arguments, done.stderr)
        assert done.stderr == ""
    assert re.search(r"^s +2 +1 +0 +1 +loss$", outputs["list"], re.MULTILINE)
    assert "completed" in outputs["show s"] and "0.25" in outputs["table s"]
    assert "trial 1 has not run" in outputs["doctor s"] and "finished" in outputs["show s --trial 0"]
    after = contents(public)
    after.pop("studies.db-shm", None), before.pop("studies.db-shm", None)  # the locks of readers
    assert after == before


def test_what_cannot_be_read_is_one_line(public: Path) -> None:
    (public / "studies.db").write_bytes(b"no database, but long enough to look like one" * 20)
    done = as_reader(public, "list")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "file is not a database" in done.stderr
    (public / "studies.db").unlink()
    done = as_reader(public, "list")
    assert done.returncode == 2 and "does not exist" in done.stderr
    assert list(public.iterdir()) == []


def test_a_role_that_may_only_read_can_look_at_postgresql(postgres_url: str) -> None:
    study = make(postgres_url, 1, 2)
    finish(study, claim(study), 0.25)
    role = f"reader{abs(hash(postgres_url))}"
    with study.database.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN PASSWORD 'x'"))
        connection.execute(sa.text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    reader = check_url(postgres_url).set(username=role, password="x").render_as_string(False)
    with pytest.raises(StorageError, match="permission denied"):
        Study(Database(reader), "s").add(grid(3))
    seen = Study(Database(reader, is_view=True), "s")
    assert [trial.state for trial in seen.trials()] == ["completed", "open"]
    study.database.engine.dispose()


def test_a_view_of_a_database_without_tables_says_so(postgres_url: str) -> None:
    with pytest.raises(StudyError, match="No study has been started there"):
        Database(postgres_url, is_view=True)
    assert sa.inspect(sa.create_engine(check_url(postgres_url))).get_table_names() == []


def old_database(url: str) -> None:
    """The tables of version 1; in PostgreSQL beside those that Optuna itself makes."""
    if url.startswith("sqlite"):
        with sqlite3.connect(make_url(url).database or "") as connection:
            connection.executescript(OLD.read_text())
        connection.close()
        return
    storage = optuna.storages.RDBStorage(check_url(url).render_as_string(False))
    for name in ("first", "gone", "s"):
        optuna.create_study(storage=storage, study_name=name).set_user_attr("key", f"key-of-{name}")
    optuna.delete_study(study_name="gone", storage=storage)
    pattern = r'^(?:CREATE TABLE sweeps_points.*?\);|INSERT INTO "sweeps_points".*?;)$'
    ours = re.findall(pattern, OLD.read_text(), re.MULTILINE | re.DOTALL)
    assert len(ours) == 10
    with storage.engine.begin() as connection:
        for statement in ours:
            connection.exec_driver_sql(statement)
    storage.engine.dispose()


def test_the_database_of_the_version_before_is_opened_and_continued(storage_url: str) -> None:
    old_database(storage_url)
    database = Database(storage_url)
    assert database.study_names() == ["first", "s"]
    for name in ("first", "s"):
        study = Study(database, name)
        assert [(trial.number, trial.state) for trial in study.trials()] == [
            (0, "completed"),
            (1, "running"),
            (2, "open"),
        ]
        assert study.trials()[0].outcome == Completed(values=(0.25,))
        assert study.reap(30, by="w") == [1] and study.events(1)[0].what == "lease lost"
        assert study.add(grid(9)) == 1
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(schema.c.version)).scalars().all() == [VERSION]
        assert len(connection.execute(sa.select(rows)).all()) == 8  # none of the study that was deleted
    assert not [name for name in sa.inspect(database.engine).get_table_names() if name.endswith("_version_1")]
    indexes = {index["name"] for index in sa.inspect(database.engine).get_indexes("sweeps_points")}
    assert "sweeps_points_next" in indexes
    database.engine.dispose()
    again = Study(Database(storage_url), "s")
    assert again.counts() == {"open": 3, "running": 0, "done": 1}
    again.database.engine.dispose()


def test_tables_of_version_2_learn_which_configuration_a_row_ran(storage_url: str) -> None:
    database = make(storage_url, 1, 2).database
    names = ("identity", "cell", "configuration", "role", "also")
    with database.engine.begin() as connection:
        for name in names:
            connection.execute(sa.text(f"ALTER TABLE sweeps_points DROP COLUMN {name}"))
        connection.execute(sa.update(schema).values(version=2))
    database.engine.dispose()
    again = Study(Database(storage_url), "s")
    assert [(trial.configuration, trial.is_current) for trial in again.trials()] == [(None, True)] * 2
    assert again.claim("w", None) is not None and again.add(grid(1, 2, 3)) == 1
    columns = {column["name"] for column in sa.inspect(again.database.engine).get_columns("sweeps_points")}
    assert columns >= set(names)
    again.database.engine.dispose()


def test_looking_at_the_version_before_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    old_database(url)
    before = contents(tmp_path)
    seen = Study(Database(url, is_view=True), "s")
    assert seen.counts() == {"open": 1, "running": 1, "done": 1} and seen.events() == []
    assert contents(tmp_path) == before


def test_a_later_version_is_refused_in_one_line(storage_url: str) -> None:
    database = make(storage_url, 1).database
    database.write(lambda connection: connection.execute(sa.update(schema).values(version=VERSION + 7)))
    database.engine.dispose()
    for is_view in (False, True):
        with pytest.raises(StorageError, match="made by a later version") as caught:
            Database(storage_url, is_view=is_view)
        assert "\n" not in str(caught.value)


def break_column(database: Database) -> None:
    database.write(
        lambda connection: connection.execute(sa.text("ALTER TABLE sweeps_points RENAME COLUMN beat_at TO b"))
    )


def break_table(database: Database) -> None:
    database.write(lambda connection: connection.execute(sa.text("DROP TABLE sweeps_points")))


@pytest.mark.parametrize("breaks", [break_column, break_table])
def test_an_error_that_does_not_pass_is_told_at_once(storage_url: str, breaks, capsys) -> None:  # type: ignore[no-untyped-def]
    study = make(storage_url, 1)
    study.database.patience_s = 600
    breaks(study.database)
    began = time.monotonic()
    with pytest.raises(StorageLost, match=r"study\.storage=.*(no such (column|table)|does not exist)") as caught:
        study.claim("w", None)
    assert time.monotonic() - began < 2 and "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""
    study.database.engine.dispose()


def test_a_right_that_is_taken_away_is_told_at_once(tmp_path: Path) -> None:
    study = make(f"sqlite:///{tmp_path}/studies.db", 1)
    with contextlib.ExitStack() as open_ones:
        for connection in [open_ones.enter_context(study.database.engine.connect()) for _ in range(5)]:
            connection.exec_driver_sql("PRAGMA query_only=ON")
    began = time.monotonic()
    with pytest.raises(StorageLost, match="attempt to write a readonly database"):
        study.claim("w", None)
    assert time.monotonic() - began < 5  # Optuna tries once more by itself, up to two seconds later


@pytest.mark.long
def test_a_lock_is_waited_out_and_told_once_after_five_seconds(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    study = make(f"sqlite:///{tmp_path}/studies.db", 1)
    other = sqlite3.connect(tmp_path / "studies.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    study.database.patience_s = 60
    timer = threading.Timer(11.0, other.rollback)
    timer.start()
    assert claim(study).attempt == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and re.fullmatch(
        r"Warning: study.storage=\S+ does not answer \(database is locked\). Waiting for up to 60 s.", said[0]
    )
    timer.join()
    other.close()


@pytest.mark.parametrize("follows", ["nothing", "another"])
def test_a_file_that_is_deleted_in_use_is_noticed(tmp_path: Path, follows: str) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    study = make(url, 1)
    held = claim(study)
    for path in tmp_path.glob("studies.db*"):
        path.unlink()
    if follows == "another":
        make(url, 1)
    with pytest.raises(StorageLost, match="was deleted or replaced while it was in use") as caught:
        study.beat(held, {})
    assert caught.value.exit_code == 1
    assert (tmp_path / "studies.db").exists() == (follows == "another")


def test_rows_of_a_deleted_study_go_to_no_other(storage_url: str) -> None:
    first = make(storage_url, 1, 2)
    finish(first, claim(first))
    optuna.delete_study(study_name="s", storage=first.database.storage)
    second = make(storage_url, 2, 3)
    assert [(trial.number, trial.state) for trial in second.trials()] == [(0, "open"), (1, "open")]
    assert second.events() == [] and second.facts["key"] != first.facts["key"]
    with second.database.engine.connect() as connection:
        assert {row.study_key for row in connection.execute(sa.select(rows))} == {second.facts["key"]}
        assert connection.execute(sa.select(events)).all() == []
    for made in (first, second):
        made.database.engine.dispose()


def test_a_study_that_is_deleted_under_its_worker_is_not_finished(storage_url: str) -> None:
    study = make(storage_url, 1)
    assert not study.is_finished()
    Study(study.database, "s").delete()
    with pytest.raises(StorageLost, match="Study 's' was deleted while it was in use"):
        study.is_finished()
    study.database.engine.dispose()


def test_a_deleted_study_leaves_nothing_and_its_neighbour_everything(storage_url: str) -> None:
    study, other = make(storage_url, 1, 2), make(storage_url, 1, 2, name="other")
    for made in (study, other):
        finish(made, claim(made))
    running = claim(study, "elsewhere:00000000:1:cafe")
    with pytest.raises(StudyError, match=r"trial 1 is running in worker elsewhere:00000000:1:cafe"):
        study.delete()
    finish(study, running)
    study.delete()
    assert study.database.study_names() == ["other"]
    assert other.counts() == {"open": 1, "running": 0, "done": 1} and len(other.events()) == 2
    with other.database.engine.connect() as connection:
        assert {row.study_key for row in connection.execute(sa.select(events))} == {other.facts["key"]}
    for made in (study, other):
        made.database.engine.dispose()


def test_the_names_of_studies_are_read_without_their_trials(storage_url: str) -> None:
    database = Database(storage_url)
    for name in ("b", "a"):
        study = optuna.create_study(study_name=name, storage=database.storage)
        study.add_trial(optuna.trial.create_trial(value=1.0))
    statements: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert database.study_names() == ["b", "a"]
    assert statements != [] and not any("FROM trials" in statement for statement in statements)
