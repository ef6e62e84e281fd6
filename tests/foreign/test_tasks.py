"""Whatever runs under Hydra's own sweeper runs as a study: exactly the callable that `hydra.main` was given."""

from pathlib import Path

import pytest

from tests.foreign.runs import APPS, Application

SHAPES = ("object", "method", "classmethod", "staticmethod", "closure", "lambda")


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


@pytest.mark.parametrize("shape", SHAPES)
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


def test_dataclasses_of_the_script_are_the_same_in_configuration_and_task(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "structured")
    assert app.basic("x=1,2") == app.study("x=1,2") == ["1.0 1.1", "2.0 2.1"]


@pytest.mark.parametrize("way", ["command", "stdin", "module", "cell"])
def test_code_may_come_from_anywhere(way: str, tmp_path: Path) -> None:
    source = (APPS / ("unguarded.py" if way != "module" else "guarded.py")).read_text()
    if way == "command":
        app = Application(tmp_path, "-c", source)
    elif way == "stdin":
        app = Application(tmp_path, "-", stdin=source)
    elif way == "module":
        (tmp_path / "pkg").mkdir()
        (tmp_path / "pkg" / "__init__.py").touch()
        (tmp_path / "pkg" / "run.py").write_text(source)
        app = Application(tmp_path, "-m", "pkg.run")
    else:
        (tmp_path / "cell.txt").write_text(source)
        cell = "exec(compile(open('cell.txt').read(), '<ipython-input-1-abc>', 'exec'), globals())"
        app = Application(tmp_path, "-c", cell)
    noted = app.basic("+x=1,2")
    assert app.study("+x=1,2") == noted and len(noted) == 2


def test_a_task_that_no_other_process_can_have_is_refused(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "unsendable")
    assert app.study("+x=1,2", code=2) == []
    assert [line for line in app.err.splitlines() if line.startswith("Error")] == [
        "Error: The task __main__:Task cannot be given to the processes of trials (TypeError: cannot pickle"
        " '_thread.lock' object). Define it as a function of a module, or keep what cannot be pickled out of it."
    ]
    assert list(tmp_path.iterdir()) == []
