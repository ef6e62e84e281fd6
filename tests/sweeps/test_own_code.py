"""Which of the files that a process has imported are the application's own."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from sweeps.ran import digest_of, files_now
from sweeps.worker import own_code


def distribution(folder: Path, name: str, direct_url: object) -> Path:
    """A library among others, as pip leaves it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("x = 1\n")
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "RECORD").write_text(f"{name}/__init__.py,sha256=x,1\n{about.name}/RECORD,,\n")
    if direct_url is not None:
        (about / "direct_url.json").write_text(json.dumps(direct_url))
    return folder / name / "__init__.py"


def test_libraries_are_not_own_but_for_those_that_were_built_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = tmp_path / "libraries"
    mine = distribution(libraries, "mine", {"url": "file:///home/me/mine", "dir_info": {}})
    index, wheel = distribution(libraries, "index", None), distribution(libraries, "wheel", {"archive_info": {}})
    project = tmp_path / "project"
    monkeypatch.setattr(sys, "path", [str(project), str(libraries), *sys.path])
    own = [str(mine), str(project / "app.py"), str(tmp_path / "elsewhere.py")]
    others = [str(index), str(wheel), json.__file__, pytest.__file__, own_code.__file__, sysconfig.__file__]
    assert [path for path in [*own, *others] if own_code._is_own(path)] == own
    names = [own_code._named(path, str(project)) for path in own]
    assert names == ["site-packages/mine/__init__.py", "app.py", "../elsewhere.py"]
    now = files_now(str(project), [*names, "../gone.py", "gone.py", "site-packages/gone.py"])
    assert now == {names[0]: digest_of(mine), "app.py": "", "gone.py": "", "site-packages/gone.py": ""}


def test_files_are_named_from_the_project_and_looked_at_once(tmp_path: Path) -> None:
    for name in ("lab/app.py", "beside.py", "late.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    script = """
import json, sys
sys.path[:0] = ["lab", ".", "gone"]
from pathlib import Path
from sweeps.worker.own_code import own_files, watch
import app
told = [own_files("lab")]
Path("lab/app.py").write_text("x = 2")
import beside
told += [own_files("lab")]
watch()
import late
Path("late.py").write_text("x = 3")
told += [own_files("lab")]
print(json.dumps(told))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True, text=True)
    first, second, third = json.loads(done.stdout)
    assert list(first) == ["app.py"] and list(second) == ["../beside.py", "app.py"]
    assert second["app.py"] == first["app.py"] == second["../beside.py"]
    assert third == {"../late.py": first["app.py"], **second}  # as it was when it was imported
