"""Threads that the import of an application starts."""

from pathlib import Path

import pytest

from tests.foreign.runs import Application

pytestmark = pytest.mark.long


def test_it_is_said_once_that_trials_lack_a_thread_of_the_import(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "threaded")
    app.study("+x=1,2", "+study.slots=1")
    assert app.values() == {"1": (1.0,), "2": (2.0,)}
    [line] = [line for line in app.err.splitlines() if line.startswith("Warning: ")]
    assert line == (
        "Warning: the application starts threads where it is imported (Writer). Trials have none of them: what such a"
        " thread writes or sends, as for a SummaryWriter made there, is lost. Make it in the task function."
    )
    assert [path.read_text().count(line) for path in sorted(tmp_path.rglob("trial.log"))] == [1, 1]
    assert not (tmp_path / "early.txt").exists() and (tmp_path / "late.txt").read_text() == "1\n2\n"
