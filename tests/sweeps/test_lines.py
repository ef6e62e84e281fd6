"""What a person reads of a study in one line."""

from dataclasses import replace

import pytest

from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.report.lines import describe, duration, ended_line, live_cells, preview_lines, result
from sweeps.space import Point
from sweeps.study.records import TrialRow

POINT = Point(overrides={"model": "cnn", "x": "3"}, varied=("x",))
COMPLETED = Completed(values=(9.0, 0.125), metrics={"loss": 9.0, "epoch": 4.0}, duration_s=1.46)
FAILED = Failed(cause="error", detail="ValueError: shape [64, 32]", duration_s=3.0)
PRUNED = Pruned(values=(9.0,), metrics={"loss": 9.0}, duration_s=2.0)


def trial(state: str, outcome: Outcome | None = None, point: Point | None = POINT, **known: object) -> TrialRow:
    return TrialRow(number=7, state=state, attempt=1, point=point, worker="w", outcome=outcome, **known)  # type: ignore[arg-type]


def test_a_point_is_told_by_what_varies_or_whole() -> None:
    assert describe(POINT) == "x=3"
    assert describe(Point(overrides={"model": "cnn", "x": "3"})) == "model=cnn x=3"
    assert describe(None) == ""


@pytest.mark.parametrize(
    ("row", "expected", "line"),
    [
        (
            trial("completed", COMPLETED),
            "9.0000, 0.1250",
            "[2/6] trial 7 completed x=3: 9.0000, 0.1250 in 1.5 s",
        ),
        (
            trial("failed", FAILED),
            "error: ValueError: shape [64, 32]",
            "[2/6] trial 7 failed x=3: error: ValueError: shape [64, 32]",
        ),
        (trial("pruned", PRUNED), "stopped at 9", "[2/6] trial 7 pruned x=3: stopped at 9"),
    ],
)
def test_a_trial_that_has_ended(row: TrialRow, expected: str, line: str) -> None:
    assert result(row) == expected
    assert ended_line(row, 2, 6) == line


NOISY = "\x1b[31mValueError\x1b[0m:\tno\r\nshape\x07 \x1b]0;title\x07[64,\u202e 32]\x00"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-05, "1e-05"), (0.25, "0.2500"), (0.0, "0.0000"), (1e308, "1e+308"), (-0.00012345, "-0.0001234")],
)
def test_a_result_has_digits_however_small_or_large(value: float, text: str) -> None:
    row = TrialRow(number=0, state="completed", attempt=1, point=None, worker=None, outcome=Completed(values=(value,)))
    assert result(row) == text


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    failed = trial("failed", Failed(cause="error", detail=NOISY))
    assert result(failed) == "error: ValueError: no shape [64, 32]"
    assert describe(Point(overrides={"x": "a\nb\x1b[2J"}, varied=("x",))) == "x=a b"


def test_a_trial_that_runs_has_no_result() -> None:
    assert result(trial("running", progress={"loss": 1.0})) == ""


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (trial("open", point=None), ("7", "open", "", "", "")),
        (trial("running", progress={"epoch": 2.0, "loss": 0.5}), ("7", "running", "2", "0.5000", "x=3")),
        # The last epoch of a fit is logged as 4 when five are done; a test after it logs 5.
        (trial("completed", COMPLETED), ("7", "completed", "5", "9.0000", "x=3")),
        (
            trial("completed", Completed(values=(1.0,), metrics={"epoch": 5.0, "test/acc": 0.5, "loss": 1.0})),
            ("7", "completed", "5", "1.0000", "x=3"),
        ),
    ],
)
def test_the_row_of_a_trial_in_the_live_table(row: TrialRow, cells: tuple[str, ...]) -> None:
    assert live_cells(row, "loss") == cells


def test_the_live_table_of_a_study_without_named_objectives() -> None:
    assert live_cells(trial("completed", COMPLETED), None) == ("7", "completed", "5", "", "x=3")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.9, "0:59"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def points(*values: object) -> list[Point]:
    return [Point(overrides={"x": str(value)}, varied=("x",)) for value in values]


def known(number: int, value: object, state: str, outcome: Outcome | None = None) -> TrialRow:
    return TrialRow(number=number, state=state, attempt=1, point=points(value)[0], worker=None, outcome=outcome)


def test_a_preview_lists_what_is_new_and_what_it_would_cost() -> None:
    trials = [
        known(0, 1, "completed", Completed(values=(1.0,), duration_s=20.0)),
        known(1, 2, "completed", Completed(values=(1.0,), duration_s=40.0)),
        known(2, 3, "failed", Failed(cause="error", detail="", duration_s=500.0)),
    ]
    assert preview_lines("s", points(1, 3, 5, 6, 7), trials, 5) == [
        "   0  completed  x=1",
        "   2  failed     x=3",
        "   3  new        x=5",
        "   4  new        x=6",
        "   5  new        x=7",
        # 30 s each, as the completed ones took on average.
        "Study s: 5 trials, 3 of them new, about 1:30 of compute. Nothing was started.",
    ]


def test_a_preview_without_a_completed_trial_estimates_nothing() -> None:
    assert preview_lines("s", points(1), [], 1) == [
        "   0  new        x=1",
        "Study s: 1 trial, 1 of them new. Nothing was started.",
    ]


def test_a_preview_with_nothing_new_estimates_nothing() -> None:
    trials = [known(0, 1, "completed", Completed(values=(1.0,), duration_s=20.0))]
    assert preview_lines("s", points(1), trials, 1)[-1] == "Study s: 1 trial, 0 of them new. Nothing was started."


def test_a_preview_of_a_search_lists_what_was_drawn() -> None:
    trials = [
        replace(known(0, 1, "completed", Completed(values=(1.0,), duration_s=20.0)), is_drawn=True),
        known(1, 2, "completed", Completed(values=(1.0,), duration_s=90.0)),  # of a grid
    ]
    assert preview_lines("s", [], trials, 4, (frozenset({0}), 3)) == [
        "   0  completed  x=1",
        "Study s: 4 trials, 3 of them to be drawn, about 1:00 of compute. Nothing was started.",
    ]
    assert (
        preview_lines("s", [], trials, 1, (frozenset({0}), 0))[-1]
        == "Study s: 1 trial, all of them drawn. Nothing was started."
    )
