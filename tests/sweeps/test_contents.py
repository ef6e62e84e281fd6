"""The state of an application's code, as a study keeps it."""

import json
import subprocess
import sys
from pathlib import Path

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


def test_the_code_of_a_folder_is_without_tests_and_what_runs_leave(tmp_path: Path) -> None:
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
