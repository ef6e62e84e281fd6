import os
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from sweeps.worker import paths


@pytest.fixture(autouse=True)
def same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_own_folders_are_those_of_no_installation_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("script", "shared"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    installed = str(Path(yaml.__file__).parents[1])
    library = str(Path(pytest.__file__).parents[1])
    gone = str(tmp_path / "gone")
    sys.path[:] = ["script", installed, gone, str(tmp_path / "shared"), "", library, *sys.path, "script"]
    assert paths.own_folders()[:3] == (str(tmp_path / "script"), str(tmp_path / "shared"), str(tmp_path))
    assert not {installed, library, gone, sysconfig.get_path("stdlib")} & set(paths.own_folders())
    assert not any("site-packages" in folder or folder.endswith("lib-dynload") for folder in paths.own_folders())


def test_missing_folders_come_first_and_the_others_keep_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    sys.path[:] = ["", str(tmp_path / "two"), "/usr/lib/python"]
    wanted = [str(tmp_path / name) for name in ("one", "two", "here", "of another machine")]
    paths.look_in(wanted)
    assert sys.path == [str(tmp_path / "one"), "", str(tmp_path / "two"), "/usr/lib/python"]
    paths.look_in(wanted)
    assert len(sys.path) == 4


def test_a_process_that_is_started_takes_the_folders_over_and_forgets_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sys.path.insert(0, str(tmp_path))
    [variable] = paths.hand_on()
    told = os.environ[variable]
    assert str(tmp_path) in told
    sys.path.remove(str(tmp_path))
    paths.take_over()
    assert sys.path[0] == str(tmp_path) and variable not in os.environ
    paths.take_over()  # nothing was handed on
    assert sys.path.count(str(tmp_path)) == 1
