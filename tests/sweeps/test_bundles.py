"""What a trial leaves is kept in the study's database, and is whole on any other machine."""

import io
import os
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from sweeps.outcome import Completed
from sweeps.space import Point
from sweeps.study.bundles import Bundles
from sweeps.study.requeue import Ended
from sweeps.study.schema import VERSION, bundles, schema
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.gathered import gathered
from sweeps.trial.artifacts import absent, artifacts
from sweeps.trial.bundle import digest, pack, unpack
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.journal import Journal

DONE = Ended(outcome=Completed(values=(0.5,), duration_s=1.0))


def left(directory: Path, *, attempt: int = 1, **kept: bytes) -> TrialFiles:
    """What a trial leaves, with files that it keeps."""
    journal, files = Journal(directory), TrialFiles(directory)
    journal.event("attempt", attempt=attempt)
    journal.log({"loss": 0.5}, 1)
    files.config.write_bytes(b"# \xc3\xa4\r\nw: 1\r\n")
    for name, content in kept.items():
        files.artifacts.mkdir(exist_ok=True)
        (files.artifacts / name).write_bytes(content)
        journal.event("artifact", path=f"artifacts/{name}")
    return files


def study_with(url: str, num: int) -> Study:
    study = Study.create(Database(url), "s", ["minimize"], {"objective": ["loss"]})
    study.add(Point(overrides={"w": str(w)}, varied=("w",)) for w in range(num))
    return study


def test_a_bundle_has_every_byte_of_journal_configuration_and_kept_files(tmp_path: Path) -> None:
    files = left(tmp_path / "a", plot=b"\x89PNG\x00", text=b"a\r\nb\n")
    bundle = pack(files)
    assert bundle is not None and bundle.digest == digest(files)
    unpack(bundle.archive, tmp_path / "b")
    there = TrialFiles(tmp_path / "b")
    for path in (files.journal, files.config):
        assert (there.directory / path.name).read_bytes() == path.read_bytes()
    assert {name: path.read_bytes() for name, path in artifacts(there)} == {"plot": b"\x89PNG\x00", "text": b"a\r\nb\n"}
    assert digest(there) == bundle.digest and absent(there) == []
    files.config.write_text("w: 2\n")
    assert digest(files) != bundle.digest


def test_a_file_that_is_too_large_stays_on_its_machine_and_is_missed_elsewhere(tmp_path: Path) -> None:
    files = left(tmp_path / "a", big=os.urandom(1_100_000), small=b"x")
    bundle = pack(files)
    assert bundle is not None and len(bundle.archive) < 2000
    unpack(bundle.archive, tmp_path / "b")
    assert [name for name, _ in artifacts(TrialFiles(tmp_path / "b"))] == ["small"]
    assert absent(TrialFiles(tmp_path / "b")) == ["big"] and absent(files) == []


def test_an_archive_writes_nothing_outside_its_directory(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as hostile:
        hostile.writestr("../../outside", "x")
        hostile.writestr(f"{tmp_path}/absolute", "x")
    unpack(archive.getvalue(), tmp_path / "deep" / "er")
    written = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert written and all(path.is_relative_to(tmp_path / "deep" / "er") for path in written)


def test_the_attempt_that_ends_a_trial_leaves_the_bundle(storage_url: str, tmp_path: Path) -> None:
    study = study_with(storage_url, 2)
    for number in range(2):
        claim = study.claim("w", None)
        assert claim is not None
        study.settle(claim, DONE, 1.0, 0, left(tmp_path / str(number)))
    assert {number: known.attempt for number, known in study.bundles.known().items()} == {0: 1, 1: 1}
    assert set(study.bundles.contents([1, 7])) == {1}
    study.bundles.keep(0, 3, left(tmp_path / "later", attempt=3, extra=b"x"))
    later = study.bundles.known()[0]
    study.bundles.keep(0, 2, left(tmp_path / "earlier", attempt=2))
    assert study.bundles.known()[0] == later and later.attempt == 3
    other = Bundles(study.database, "another study")
    assert other.known() == {} and other.contents([0]) == {}
    study.delete()
    with study.database.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(bundles)).scalar_one() == 0
    study.database.engine.dispose()


def test_files_that_cannot_be_read_cost_no_result(tmp_path: Path) -> None:
    study = study_with(f"sqlite:///{tmp_path}/studies.db", 1)
    claim = study.claim("w", None)
    assert claim is not None
    files = left(tmp_path / "0")
    files.config.unlink()
    files.config.symlink_to(files.config)  # a loop
    (tmp_path / "0" / "journal.jsonl").unlink()
    (tmp_path / "0" / "journal.jsonl").mkdir()
    study.settle(claim, DONE, 1.0, 0, files)
    assert study.trials()[0].state == "completed" and study.bundles.known() == {}


def test_what_another_machine_has_run_is_there_and_an_earlier_attempt_is_not_taken_for_it(tmp_path: Path) -> None:
    study = study_with(f"sqlite:///{tmp_path}/studies.db", 3)
    here, there = StudyFiles(tmp_path / "here"), StudyFiles(tmp_path / "there")
    for number in range(3):
        claim = study.claim("w", None)
        assert claim is not None
        own = here if number == 0 else there
        study.settle(claim, DONE, 1.0, 0, left(own.trial(number).directory))
    Journal(here.trial(1).directory).log({"loss": 9.0}, 1)  # an attempt of this machine that did not end the trial
    with gathered(study, here) as found:
        assert found.trial(0).directory.resolve() == here.trial(0).directory
        for number in (1, 2):
            there_text = there.trial(number).journal.read_text()
            assert found.trial(number).journal.read_text() == there_text and "9.0" not in there_text
    assert not found.directory.exists()


def test_a_study_of_the_version_before_keeps_what_is_on_this_machine(tmp_path: Path) -> None:
    study = study_with(f"sqlite:///{tmp_path}/studies.db", 2)
    files = StudyFiles(tmp_path / "files")
    for number in range(2):
        claim = study.claim("w", None)
        assert claim is not None and study.tell(claim, DONE.outcome)
        left(files.trial(number).directory)
    with gathered(study, files):
        assert study.bundles.known() == {}
    with gathered(study, files, keeps=True) as found:
        assert found.trial(1).journal.is_file()
    assert set(study.bundles.known()) == {0, 1}
    with gathered(study, StudyFiles(tmp_path / "nowhere")) as found:
        assert found.trial(1).journal.read_bytes() == files.trial(1).journal.read_bytes()


def test_tables_of_version_3_get_room_for_bundles(storage_url: str, tmp_path: Path) -> None:
    database = study_with(storage_url, 1).database
    with database.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE sweeps_bundles"))
        connection.execute(sa.update(schema).values(version=3))
    database.engine.dispose()
    study = Study(Database(storage_url), "s")
    study.bundles.keep(0, 1, left(tmp_path / "0"))
    assert set(study.bundles.known()) == {0}
    with study.database.engine.connect() as connection:
        assert connection.execute(sa.select(schema.c.version)).scalars().all() == [VERSION]
    study.database.engine.dispose()


@pytest.mark.parametrize("place", ["", ', "path": "../../etc"', ', "path": ""', ', "path": "a\\u0000b"'])
def test_an_artifact_without_a_place_below_the_trial_is_none(tmp_path: Path, place: str) -> None:
    files = left(tmp_path / "0")
    with files.journal.open("a") as file:
        file.write(f'{{"t": 1, "event": "artifact"{place}}}\n')
    assert list(artifacts(files)) == [] and absent(files) == []
