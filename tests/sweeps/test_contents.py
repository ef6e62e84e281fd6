"""The digest of an application's code: the same for the same code, whatever the commit says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.identity import contents

ASK = """
import dataclasses, json, lab.app
from sweeps.identity.program import program_of
print(json.dumps(dataclasses.asdict(program_of("lab.app:main"))))
"""


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=b", *arguments], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x", "--allow-empty")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose application lies in a folder below it."""
    folder = tmp_path / "lab" / "app"
    (folder / "nets").mkdir(parents=True)
    (folder / "app.py").write_text("import nets\n")
    (folder / "nets" / "__init__.py").write_text("WIDTH = 1\n")
    git(tmp_path / "lab", "init", "-q")
    commit(tmp_path / "lab")
    return folder


def content(folder: Path) -> str:
    found = contents.of_repository(folder.parent, folder / "app.py")
    assert len(found) == 16
    return found


def test_an_edit_counts_at_once_and_its_commit_changes_nothing(project: Path) -> None:
    first = content(project)
    (project / "nets" / "__init__.py").write_text("WIDTH = 2\n")
    edited = content(project)
    git(project, "add", "-A")
    staged = content(project)
    commit(project)
    assert edited != first and edited == staged == content(project)
    (project / "nets" / "__init__.py").write_text("WIDTH = 1\n")
    assert content(project) == first


def test_commits_of_other_files_and_of_tests_change_nothing(project: Path) -> None:
    first = content(project)
    for name in ("README.md", "conf.yaml", "tests/helpers.py", "app/test_app.py", "app/nets_test.py", "conftest.py"):
        path = project.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1\n")
    assert content(project) == first
    commit(project)
    assert content(project) == first


def test_what_git_does_not_know_counts_beside_the_task_but_for_what_runs_leave(project: Path) -> None:
    first = content(project)
    for name in ("app/logs/000/copy.py", "app/.venv/x.py", "elsewhere/more.py", "app/outputs/1/app.py"):
        path = project.parent / name
        path.parent.mkdir(parents=True)
        path.write_text("x = 1\n")
    assert content(project) == first
    (project / "more.py").write_text("x = 1\n")
    more = content(project)
    assert more != first
    commit(project)  # with the file elsewhere, and the copies
    (project / "more.py").unlink()
    (project / "nets" / "__init__.py").unlink()
    assert content(project) not in (first, more)


def test_a_project_below_its_repository_is_that_folder_alone(project: Path) -> None:
    (project / "pyproject.toml").touch()
    first = contents.of_repository(project, project / "app.py")
    (project.parent / "other.py").write_text("x = 1\n")
    commit(project.parent)
    assert contents.of_repository(project, project / "app.py") == first
    (project / "app.py").write_text("import nets  # wide\n")
    assert contents.of_repository(project, project / "app.py") != first


def test_a_folder_without_a_repository(tmp_path: Path) -> None:
    assert contents.of_repository(tmp_path, None) == ""
    (tmp_path / "a.py").write_text("x = 1\n")
    first = contents.of_folder(tmp_path)
    for name in ("logs/s/trials/000/a.py", "tests/test_a.py", ".venv/lib/b.py", "wandb/run/files/code/a.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x = 2\n")
    assert contents.of_folder(tmp_path) == first
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.py").write_text("x = 1\n")
    assert contents.of_folder(tmp_path) != first
    for i in range(501):
        (tmp_path / "sub" / f"m{i}.py").touch()
    assert contents.of_folder(tmp_path) == ""


def test_an_installed_program_has_no_commit_of_a_repository_around_it(tmp_path: Path) -> None:
    package = tmp_path / ".venv" / "lib" / "site-packages" / "lab"
    package.mkdir(parents=True)
    (package / "app.py").write_text("def main(): ...\n")
    (tmp_path / "mine.py").touch()
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    told = [sys.executable, "-c", ASK]
    found = json.loads(subprocess.run(told, cwd=package.parent, capture_output=True, check=True).stdout)
    assert (found["name"], found["revision"], found["state"]) == ("site-packages/lab/app.py:main", None, "")
    (package / "net.py").write_text("WIDTH = 1\n")
    more = json.loads(subprocess.run(told, cwd=package.parent, capture_output=True, check=True).stdout)
    assert more["content"] != found["content"] != "" and more["code"] == found["code"]
