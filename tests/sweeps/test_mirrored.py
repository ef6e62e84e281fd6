"""Checkpoints at a URL: two folders are two machines, which share nothing else."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.trial.checkpoints import newest
from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal, read
from sweeps.trial.mirrored import Mirror, check_place, mirrored

HOUR_AGO_S = time.time() - 3600


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder, or a bucket of a local S3 server."""
    if request.param == "file":
        yield f"file://{tmp_path}/shared/s/000"
    else:
        yield from bucket(request.getfixturevalue("monkeypatch"))


def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("s3fs", reason="s3fs is not installed (extra `s3`)")
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    import fsspec

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    places = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in {**places, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    fsspec.filesystem("s3").mkdir(f"studies-{port}")
    yield f"s3://studies-{port}/s/000"
    server.stop()


def machine(tmp_path: Path, name: str) -> TrialFiles:
    files = TrialFiles(tmp_path / name / "000")
    (files.directory / "checkpoints").mkdir(parents=True)
    return files


def save(files: TrialFiles, name: str, content: str, at_s: float) -> Path:
    path = files.directory / "checkpoints" / name
    for each, text in ((path, content), (path.with_name(f"{name}.sha256"), f"digest of {content}")):
        each.write_text(text)
        os.utime(each, (at_s, at_s))
    return path


def contents(files: TrialFiles) -> dict[str, str]:
    found = (path for path in files.directory.rglob("*") if path.is_file())
    return {str(path.relative_to(files.directory)): path.read_text() for path in found}


def test_another_machine_has_the_newest_checkpoints_with_digest_and_journal(tmp_path: Path, url: str) -> None:
    here, there = machine(tmp_path, "here"), machine(tmp_path, "there")
    Journal(here.directory).log({"loss": 1.0}, step=1)
    save(here, "step=1.ckpt", "one", HOUR_AGO_S)
    mirror = Mirror(url, here, attempt=1)
    mirror.push()
    (here.directory / "checkpoints" / "step=1.ckpt").unlink()
    (here.directory / "checkpoints" / "step=1.ckpt.sha256").unlink()
    Journal(here.directory).log({"loss": 0.5}, step=2)
    save(here, "step=2.ckpt", "two", HOUR_AGO_S + 60)
    mirror.push()
    began_s = time.time()
    assert Mirror(url, there, attempt=2).pull(began_s)
    assert contents(there) == contents(here)
    assert [record["step"] for record in read(there.journal)[0]] == [1, 2]
    found = newest(there.directory, began_s)
    assert found is not None and found.read_text() == "two"
    assert not Mirror(url, there, attempt=2).pull(began_s), "it has all of it"


def test_what_a_machine_has_is_not_replaced_by_something_older(tmp_path: Path, url: str) -> None:
    here, there = machine(tmp_path, "here"), machine(tmp_path, "there")
    save(here, "last.ckpt", "old", HOUR_AGO_S)
    Mirror(url, here, attempt=1).push()
    save(there, "last.ckpt", "new", HOUR_AGO_S + 60)
    assert not Mirror(url, there, attempt=2).pull(time.time())
    assert contents(there)["checkpoints/last.ckpt"] == "new"


def test_an_attempt_that_has_lost_its_trial_overwrites_nothing(tmp_path: Path, url: str) -> None:
    here, there, third = (machine(tmp_path, name) for name in ("here", "there", "third"))
    save(here, "last.ckpt", "of attempt 1", HOUR_AGO_S)
    save(there, "last.ckpt", "of attempt 2", HOUR_AGO_S)
    late = Mirror(url, here, attempt=1)
    Mirror(url, there, attempt=2).push()
    late.push()
    assert Mirror(url, third, attempt=3).pull(time.time())
    assert contents(third)["checkpoints/last.ckpt"] == "of attempt 2"


def test_files_that_no_longer_count_are_removed_there(tmp_path: Path) -> None:
    here, shared = machine(tmp_path, "here"), tmp_path / "shared"
    mirror = Mirror(f"file://{shared}", here, attempt=1)
    for i in range(5):
        save(here, "last.ckpt", f"{i}", HOUR_AGO_S + i)
        mirror.push()
    assert sorted(path.name.partition("-")[2] or path.name for path in shared.iterdir()) == [
        "last.ckpt",
        "last.ckpt.sha256",
        "latest.json",
    ]


def test_a_task_finds_what_is_there_and_leaves_what_it_writes(tmp_path: Path, url: str) -> None:
    here, there = machine(tmp_path, "here"), machine(tmp_path, "there")
    told: list[str] = []
    with pytest.raises(SystemExit), mirrored(url, here, 1, told.append):
        save(here, "last.ckpt", "at the end", HOUR_AGO_S)
        raise SystemExit(143)  # it was told to stop
    with mirrored(url, there, 2, told.append):
        assert contents(there)["checkpoints/last.ckpt"] == "at the end"
    assert told == []


def test_checkpoints_are_sent_while_the_task_runs(tmp_path: Path) -> None:
    here, url = machine(tmp_path, "here"), f"file://{tmp_path}/shared"
    with mirrored(url, here, 1, lambda _: None):
        save(here, "last.ckpt", "early", HOUR_AGO_S)
        deadline = time.monotonic() + 20
        while not (tmp_path / "shared" / "latest.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert threading.active_count() < 20


def test_a_place_that_cannot_be_reached_stops_no_task_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shared").write_text("a file")
    here, told = machine(tmp_path, "here"), list[str]()
    with mirrored(f"file://{tmp_path}/shared/s", here, 1, told.append):
        save(here, "last.ckpt", "x", HOUR_AGO_S)
    assert len(told) == 1 and told[0].startswith("cannot reach its checkpoints (study.checkpoints): ")
    assert capsys.readouterr().err.count("Warning") == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [("/shared", "must be a URL, such as file:///shared"), ("nosuch://x/y", "study.checkpoints=nosuch://x/y: ")],
)
def test_a_place_of_an_unknown_kind_is_refused(url: str, expected: str) -> None:
    with pytest.raises(StudyError) as refused:
        check_place(url)
    assert expected in str(refused.value) and "\n" not in str(refused.value)


def test_nowhere_is_no_place(tmp_path: Path) -> None:
    files: Any = machine(tmp_path, "here")
    with mirrored("", files, 1, lambda _: None):
        assert threading.active_count() < 20
