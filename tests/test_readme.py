"""Every command of README.md is run: the plain ones in a copy of the project, make and docker among the slow tests.

The tree of README.md names every module and no other.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, wait_for
from tests.pages import Page, environment, shell

PAGE = Page(REPOSITORY / "README.md")


def copy_project(folder: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)


def tree(page: str) -> list[str]:
    """Path of everything that the tree of a page names; a folder's path ends in a slash.

    Two spaces of indentation are one folder. A line holds one name or several, then at least two spaces and a phrase.
    """
    section = page.split("## The tree\n")[1].split("\n## ")[0]
    folders: list[str] = []
    paths = []
    for indentation, rest in re.findall(r"^ {4}( *)(\S.*)", section, re.MULTILINE):
        depth = len(indentation) // 2
        names = rest.split("  ")[0].split()
        paths += ["".join(folders[:depth]) + name for name in names]
        folders[depth:] = names[:1]
    return paths


def missing(module: str) -> str:
    """Says which line the tree lacks; the first sentence of the module is a phrase to start from."""
    folder, name = module.rsplit("/", 1)
    phrase = (ast.get_docstring(ast.parse((REPOSITORY / module).read_text())) or "WHAT IT IS").splitlines()[0]
    line = f"{'  ' * (2 + folder.count('/') + 1)}{name:<24}{phrase}"
    return f"README's tree lacks this line below {folder}/ (shorten the phrase):\n{line}"


def exists(path: str) -> bool:
    return (REPOSITORY / path).is_dir() if path.endswith("/") else (REPOSITORY / path).is_file()


def test_the_tree_names_every_module_and_no_other() -> None:
    command = ["git", "ls-files", "sweeps/*.py", "trainer_pkg/*.py"]
    tracked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    modules = [path for path in tracked if not path.endswith("__init__.py")]
    named = tree(PAGE.text)
    faults = [missing(module) for module in modules if module not in named]
    faults += [f"README's tree names {path}, which does not exist." for path in named if not exists(path)]
    faults += [f"README's tree names {path} twice." for path in sorted(set(named)) if named.count(path) > 1]
    assert modules
    assert not faults, "\n".join(faults)


def test_a_tree_is_read_by_its_indentation() -> None:
    lines = [
        "    a/      one",
        "      b.py  two  words",
        "      c/",
        "        d.py e.py    both",
        "      f.py  six",
        "    g/",
    ]
    page = "\n".join(["## The tree", "", *lines, "", "## B"])
    assert tree(page) == ["a/", "a/b.py", "a/c/", "a/c/d.py", "a/c/e.py", "a/f.py", "g/"]


def test_every_block_is_of_a_kind_that_a_test_runs() -> None:
    elsewhere = {"own", "openai"}  # tests/test_docs.py, tests/trainer/test_generated.py
    assert PAGE.labels() == {"", "make", "ui", "docker"} | elsewhere
    assert {block.language for block in PAGE.blocks} == {"sh", "python", "yaml"}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_commands_run_as_written(tmp_path: Path) -> None:
    copy_project(tmp_path)
    for name, body in PAGE.files().items():
        (tmp_path / name).write_text(body)
    outputs = []
    for line in PAGE.commands():
        done = shell(line, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Warning" not in done.stderr, f"{line}\n{done.stderr}"
        outputs.append((line, done.stdout))
    demo = [output for line, output in outputs if "study.name=demo" in line]
    assert "4 of them new" in demo[0] and "[4/4]" in demo[1]
    assert "4 of them done" in demo[2] and "[6/6]" in demo[3]
    table = (tmp_path / "tables" / "demo.csv").read_text().splitlines()
    assert len(table) == 7 and table[0].startswith("model,model.loss_weights.thickness,n,val/score_best,test/digit_acc")
    assert len((tmp_path / "tables" / "trials.csv").read_text().splitlines()) == 7
    assert (tmp_path / "tables" / "effects.pdf").read_bytes().startswith(b"%PDF")
    assert "Learning curves" in (tmp_path / "logs" / "studies" / "demo" / "report.html").read_text()
    assert " ± " in next(output for line, output in outputs if "study.replicates" in line)
    assert "agree" in dict(outputs)["sweeps doctor demo"]
    assert "models:/demo@champion" in dict(outputs)["sweeps register demo --alias champion"]


@pytest.mark.long
@pytest.mark.timeout(120)
def test_the_ui_opens(tmp_path: Path) -> None:
    (line,) = PAGE.commands("ui")
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line} --port 5781"],
        cwd=tmp_path,
        env=environment(REPOSITORY),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen("http://127.0.0.1:5781/health", timeout=2) as response:
                return bool(response.read() == b"OK")
        except OSError:
            return False

    try:
        wait_for(answers, timeout_s=90)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_make_lists_its_targets() -> None:
    done = shell("make help", REPOSITORY)
    assert done.returncode == 0
    for line in PAGE.commands("make"):
        assert line in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_make_sets_up_a_fresh_clone(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(tmp_path / "clone")], check=True)
    clean = {"PYTHONPATH": "", "PATH": os.environ["PATH"]}
    done = shell(f"make sweep PYTHON={sys.executable}", tmp_path / "clone", timeout=1500, **clean)
    assert done.returncode == 0, done.stderr
    assert "[6/6]" in done.stdout and "sweeps ui" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_servers_come_up_and_a_sweep_logs_to_them(tmp_path: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no docker engine answers")
    copy_project(tmp_path)
    script = "set -e\n" + "\n".join(PAGE.commands("docker"))
    project = {"COMPOSE_PROJECT_NAME": "sweeps-readme"}
    try:
        done = shell(script, tmp_path, timeout=1500, **project)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "agree" in done.stdout
    finally:
        shell("docker compose down -v", tmp_path, **project)
