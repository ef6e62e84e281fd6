"""What a task may return: nothing, a number, numbers, names with values."""

from pathlib import Path

import pytest

from tests.foreign.runs import Application

pytestmark = pytest.mark.long


def test_a_task_without_a_value_completes_a_grid(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "silent")
    assert app.basic("+x=1,2") == app.study("+x=1,2") == ["1", "2"]
    assert app.values() == {"1": (), "2": ()}
    assert app.out.startswith("Study s: 2 trials. Minimizes what the task returns.\n[1/2] trial ")
    assert app.study("+x=1,2,3") == ["3"]  # a trial without a value has ended, too


@pytest.mark.parametrize(
    "kind, options, expected",
    [
        ("number", (), (0.5,)),
        pytest.param("single", (), (0.5,), marks=pytest.mark.slow),
        ("text", (), ()),
        pytest.param("array", (), (), marks=pytest.mark.slow),
        ("table", (), ()),
        pytest.param("number", ("+study.objective=loss",), (0.5,), marks=pytest.mark.slow),
        ("table", ("+study.objective=loss",), (0.5,)),
        ("table", ("+study.objective=[test/acc,loss]", "+study.direction=[maximize,minimize]"), (0.5, 0.5)),
        pytest.param("array", ("+study.direction=[maximize,minimize]",), (0.5, -0.5), marks=pytest.mark.slow),
    ],
)
def test_what_is_returned_is_the_result(
    kind: str, options: tuple[str, ...], expected: tuple[float, ...], tmp_path: Path
) -> None:
    app = Application.named(tmp_path, "returns", RETURNS=kind)
    app.study("+x=0.5", *options)
    assert app.values() == {"0.5": expected}


def test_what_is_returned_by_name_is_in_table_and_journal(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "returns", RETURNS="table")
    app.study("+x=0.25,0.5")
    rows = [line.split("|") for line in app.out.splitlines() if line.startswith("| ")]
    assert [cell.strip() for cell in rows[0]][3:5] == ["loss", "test/acc"]
    assert [[cell.strip() for cell in row][3:5] for row in rows[1:]] == [["0.2500", "0.7500"], ["0.5000", "0.5000"]]


def test_a_sampler_without_a_number_is_refused_before_or_failed_in_one_line(tmp_path: Path) -> None:
    line = ("+x=interval(0,1)", "+study.n_trials=1")
    app = Application.named(tmp_path, "silent")
    assert app.study(*line, code=2) == [] and list(tmp_path.iterdir()) == []
    assert [text for text in app.err.splitlines() if text.startswith("Error")] == [
        "Error: A sampler needs a number per trial, and __main__:main returns nothing. Return the number, or report it"
        " and name it in study.objective."
    ]
    app = Application.named(tmp_path, "returns", RETURNS="nothing")
    app.study(*line, code=1)
    [trial] = app.trials()
    assert trial.outcome is not None and trial.outcome.detail == (  # type: ignore[union-attr]
        "the task returned None, and a sampler needs numbers. Return them, or set study.objective to a name that the"
        " task reports."
    )


def test_a_sampler_minimizes_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "returns", RETURNS="number")
    app.study("+x=interval(-1,1)", "+study.n_trials=2")
    assert app.out.startswith("Study s: 2 trials. Minimizes what the task returns.")
    (tmp_path / "logs").rename(tmp_path / "before")
    app.study("+x=interval(-1,1)", "+study.n_trials=2", "+study.direction=maximize")
    assert app.out.startswith("Study s: 2 trials. Maximizes what the task returns.")
    app.study("+x=interval(-1,1)", "+study.n_trials=2")  # a study keeps its direction
    assert app.out.startswith("Study s: 2 trials, 2 of them done. Maximizes what the task returns.")
    app.study("+x=1,2", "+study.direction=[]", code=2)
