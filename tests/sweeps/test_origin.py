"""Program, revision and user of a command; versions and device of a trial; what a trial says of its data."""

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from sweeps.identity.origin import Circumstances, Origin, gpu_in_use
from sweeps.identity.program import Program
from sweeps.tracking.origins import attempt_tags, data_of
from sweeps.trial.handle import Trial

REMOTE = "https://ann:canary-remote@host.example/group/project.git?token=canary-query"


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *named, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def origin_of(root: Path, revision: str | None) -> Origin:
    return Origin.of(Program(name="p/app.py:main", root=str(root), code="", revision=revision), "nowhere.app:main")


def test_an_origin_has_the_whole_commit_and_an_address_without_its_secrets(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "x").write_text("1")
    git(tmp_path, "add", "x")
    git(tmp_path, "commit", "-qm", "x")
    git(tmp_path, "remote", "add", "origin", REMOTE)
    head = git(tmp_path, "rev-parse", "HEAD")
    found = origin_of(tmp_path, f"{head[:12]}+")
    assert (found.commit, found.is_dirty) == (head, True) and len(head) == 40
    assert found.repository == "https://host.example/group/project.git" and "canary" not in json.dumps(found.as_facts())
    assert found.source == "nowhere.app" and found.user
    assert not origin_of(tmp_path, head[:12]).is_dirty
    git(tmp_path, "remote", "set-url", "origin", str(tmp_path))
    assert origin_of(tmp_path, head[:12]).repository is None  # a folder of this machine
    git(tmp_path, "remote", "set-url", "origin", "git@host.example:group/project.git")
    assert origin_of(tmp_path, head[:12]).repository == "git@host.example:group/project.git"
    assert origin_of(tmp_path, None).commit is None


def test_circumstances_name_python_this_package_and_what_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(__version__="9.8.7"))
    Circumstances.here.cache_clear()  # type: ignore[attr-defined]
    here = Circumstances.here()
    Circumstances.here.cache_clear()  # type: ignore[attr-defined]
    assert here.versions["python"] == platform.python_version()
    assert here.versions["hydra-sweeps"] == version("hydra-sweeps") and here.versions["jax"] == "9.8.7"
    assert here.device and "\n" not in here.device


def test_a_gpu_is_named_only_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(is_initialized=lambda: False, get_device_name=lambda: "H100")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert gpu_in_use() is None
    cuda.is_initialized = lambda: True
    assert gpu_in_use() == "H100"
    cuda.get_device_name = lambda: 1 / 0
    assert gpu_in_use() is None


def test_an_attempt_s_tags_have_the_names_of_mlflow_s_columns() -> None:
    origin = Origin(source="a/train.py", commit="c" * 40, is_dirty=True, repository="https://h/r", user="ann")
    event = {"origin": origin.as_facts(), "versions": {"python": "3.11.7"}, "device": "a cpu"}
    assert attempt_tags(event) == {
        "mlflow.user": "ann", "mlflow.source.name": "a/train.py", "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": "c" * 40, "mlflow.source.git.repoURL": "https://h/r",
        "mlflow.source.git.dirty": "true", "version.python": "3.11.7", "device": "a cpu",
    }  # fmt: skip
    assert attempt_tags({"origin": Origin(commit="c" * 40).as_facts()})["mlflow.source.git.dirty"] == "false"
    assert attempt_tags({}) == attempt_tags({"origin": "spoilt", "versions": [1], "device": None}) == {}


def test_data_sets_are_read_from_a_journal_each_once() -> None:
    event = {"event": "dataset", "name": "digits", "digest": "d" * 64, "rows": {"train": 3, "test": 2, "odd": "x"}}
    (found,) = data_of([event, event, {"event": "dataset", "name": 7}, {"event": "other", "name": "x", "digest": "y"}])
    assert (found.name, found.digest) == ("digits", "d" * 36)
    assert json.loads(found.profile) == {"num_rows": 5, "num_rows_train": 3, "num_rows_test": 2}
    (one,) = data_of([{"event": "dataset", "name": "a", "digest": "b", "rows": {"": 4}}])
    assert json.loads(one.profile) == {"num_rows": 4}
    (none,) = data_of([{"event": "dataset", "name": "a", "digest": "b", "rows": {}}])
    assert none.profile == "{}"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("", "x", None), "the name of a data set is ''"),
        (("a", None, None), "the digest of a data set is None"),
        (("a", "b", -1), "the rows of data set 'a' are -1"),
        (("a", "b", {"train": 1.5}), "the rows of data set 'a' are 1.5"),
        (("a", "b", True), "the rows of data set 'a' are True"),
    ],
)
def test_a_data_set_without_a_name_a_digest_or_a_count_is_refused(values: tuple[str, str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Trial().log_dataset(*values)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="MLmodel"):
        Trial().log_model(tmp_path)
    (tmp_path / "MLmodel").touch()
    Trial().log_model(tmp_path)
