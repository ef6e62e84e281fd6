"""Whatever runs under Hydra's own sweeper runs as a study: exactly the callable that `hydra.main` was given."""

from pathlib import Path

import pytest

from tests.foreign.runs import APPS, Application

pytestmark = pytest.mark.long

SHAPES = ("object", "classmethod", "closure")
LIKE_THESE = ("method", "staticmethod", "lambda")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("decorated", {"1": (-1.0,), "2": (-2.0,)}),
        ("anonymous", {"1": (101.0,), "2": (102.0,)}),
        ("guarded", {"1": (1010.25,), "2": (1020.25,)}),
    ],
)
def test_decorators_run_and_globals_of_the_script_hold(
    name: str, expected: dict[str, tuple[float, ...]], tmp_path: Path
) -> None:
    app = Application.named(tmp_path, name)
    assert app.basic("+x=1,2") == app.study("+x=1,2")
    assert app.values() == expected


@pytest.mark.parametrize("shape", [*SHAPES, *(pytest.param(shape, marks=pytest.mark.slow) for shape in LIKE_THESE)])
def test_a_task_may_be_any_callable(shape: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "shapes", TASK=shape)
    noted = app.basic("+x=1,2")
    assert app.study("+x=1,2") == noted and len(noted) == 2
    assert [f"{x} {value}" for x, (value,) in sorted(app.values().items())] == noted


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "unguarded")
    assert app.study("+x=1,2") == ["1 1.5", "2 2.5"]
    assert (tmp_path / "imports.txt").read_text() == "imported\n"
    assert app.basic("+x=1,2") == ["1 1.5", "2 2.5"]


GUARD = 'if __name__ == "__main__":\n'


def started(way: str, name: str, folder: Path) -> Application:
    """An application of `apps/`, started in one of the ways there are; those that are no module run without a guard."""
    source = (APPS / f"{name}.py").read_text()
    top, _, start = source.partition(GUARD)
    unguarded = top + start.strip()
    if way == "script":
        return Application.named(folder, name)
    if way == "command":
        return Application(folder, "-c", unguarded)
    if way == "stdin":
        return Application(folder, "-", stdin=unguarded)
    if way == "module":
        (folder / "pkg").mkdir()
        (folder / "pkg" / "__init__.py").touch()
        (folder / "pkg" / "run.py").write_text(source)
        return Application(folder, "-m", "pkg.run")
    if way == "cell":
        (folder / "cell.txt").write_text(unguarded)
        cell = "exec(compile(open('cell.txt').read(), '<ipython-input-1-abc>', 'exec'), globals())"
        return Application(folder, "-c", cell)
    below = "".join(f"    {line}\n" if line else "\n" for line in unguarded.splitlines())
    (folder / "app.py").write_text(GUARD + below if way == "below the guard" else unguarded)
    return Application(folder, "app.py")


@pytest.mark.parametrize(
    "way",
    [
        *(pytest.param(way, marks=pytest.mark.slow) for way in ("script", "below the guard")),
        *("unguarded", "command", "module"),
    ],
)
def test_dataclasses_of_the_script_are_the_same_in_configuration_and_task(way: str, tmp_path: Path) -> None:
    app = started(way, "structured", tmp_path)
    assert app.basic("x=1,2") == app.study("x=1,2") == ["1.0 1.1", "2.0 2.1"]


@pytest.mark.parametrize(
    "way", [*(pytest.param(way, marks=pytest.mark.slow) for way in ("command", "module")), "stdin", "cell"]
)
def test_code_may_come_from_anywhere(way: str, tmp_path: Path) -> None:
    app = started(way, "guarded" if way == "module" else "unguarded", tmp_path)
    noted = app.basic("+x=1,2")
    assert app.study("+x=1,2") == noted and len(noted) == 2
    assert "RuntimeWarning" not in app.err  # of runpy, where a module runs again in each trial


BESIDE = """
import hydra
import neighbour

@hydra.main(config_path=None, version_base=None)
def main(cfg):
    return neighbour.squared(float(cfg.x))

if __name__ == "__main__":
    main()
"""
NEIGHBOUR = """
import os

with open("imports.txt", "a") as file:
    file.write(f"{os.getpid()}\\n")

def squared(x):
    return x * x
"""


def test_what_lies_beside_a_script_of_another_folder_is_imported_once_for_all_trials(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(BESIDE)
    (tmp_path / "src" / "neighbour.py").write_text(NEIGHBOUR)
    app = Application(tmp_path, "src/app.py")
    app.study("+x=1,2,3,4")
    assert app.values() == {"1": (1.0,), "2": (4.0,), "3": (9.0,), "4": (16.0,)}
    importers = (tmp_path / "imports.txt").read_text().split()
    assert len(importers) == len(set(importers)) == 2  # the command, and the server from which trials are forked


def test_a_task_that_no_other_process_can_have_is_refused(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "unsendable")
    assert app.study("+x=1,2", code=2) == []
    assert [line for line in app.err.splitlines() if line.startswith("Error")] == [
        "Error: The task __main__:Task cannot be given to the processes of trials (TypeError: cannot pickle"
        " '_thread.lock' object). Define it as a function of a module, or keep what cannot be pickled out of it."
    ]
    assert list(tmp_path.iterdir()) == []
