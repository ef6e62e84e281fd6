"""What a command prints of its study where the output is no terminal."""

from pathlib import Path

import pytest

from sweeps.display import Display, print_preview, print_summary
from sweeps.outcome import Completed, Failed, Outcome
from sweeps.space import Point
from sweeps.study.study import Study
from tests.studies import done, study_of


def end_next(study: Study, outcome: Outcome) -> None:
    claim = study.claim("w", None)
    assert claim is not None and study.tell(claim, outcome)


def test_each_trial_that_ends_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(1.0)), ({"x": "2"}, None), ({"x": "3"}, None), ({"x": "4"}, None)])
    with Display(study) as display:
        end_next(study, Completed(values=(4.0,), duration_s=1.5))
        end_next(study, Failed(cause="error", detail="ValueError: x"))
        display.tick()
        display.tick()
        end_next(study, Completed(values=(16.0,), duration_s=2.5))
    assert capsys.readouterr().out.splitlines() == [
        "Study s: 4 trials, 1 of them done. Minimizes loss.",
        "[2/4] trial 1 completed x=2: 4.0000 in 1.5 s",
        "[3/4] trial 2 failed x=3: error: ValueError: x",
        "[4/4] trial 3 completed x=4: 16.0000 in 2.5 s",
    ]


def test_brackets_in_overrides_and_messages_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(tmp_path, [({"tags": "[a,b]"}, None)])
    with Display(study):
        end_next(study, Failed(cause="input_output", detail="OSError: [/data/x] is gone [bold]"))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "[1/1] trial 0 failed tags=[a,b]: input_output: OSError: [/data/x] is gone [bold]"
    ]


def test_the_summary_has_the_table_the_failures_and_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Failed(cause="error", detail="ValueError: wrong shape")
    study = study_of(tmp_path, [({"x": "1"}, done(0.5)), ({"x": "2"}, failed), ({"x": "3"}, done(0.25))])
    study.remember("directory", "logs/s")
    print_summary(study, Path("logs/s"), "sweeps ui")
    out, err = capsys.readouterr()
    assert out == (
        "\n"
        "| x   |   n |   loss |\n"
        "|:----|----:|-------:|\n"
        "| 1   |   1 | 0.5000 |\n"
        "| 2   | 0/1 |      - |\n"
        "| 3   |   1 | 0.2500 |\n"
        "\n"
        "Best:    trial 2, loss=0.25 (minimize): x=3\n"
        "Results: logs/s\n"
        f"Table:   sweeps table --storage sqlite:///{tmp_path}/studies.db s\n"
        "MLflow:  sweeps ui\n"
    )
    assert err == "trial 1 failed (error): ValueError: wrong shape\n"
    print_summary(study, Path("moved/logs/s"), None)
    assert "Results: moved/logs/s (begun in logs/s)\n" in capsys.readouterr().out


def test_a_summary_without_a_result_prints_no_command_that_would_be_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = study_of(tmp_path, [({"x": "2"}, Failed(cause="error", detail="ValueError: wrong shape"))])
    print_summary(study, Path("logs/s"), None)
    assert capsys.readouterr().out == "Results: logs/s\n"


def test_a_preview_knows_the_trials_of_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(0.5, duration_s=61.0))])
    print_preview("s", [Point(overrides={"x": x}, varied=("x",)) for x in "12"], study, 2)
    print_preview("new", [], None, 20, drawn=(frozenset(), 20))
    assert capsys.readouterr().out.splitlines() == [
        "   0  completed  x=1",
        "   1  new        x=2",
        "Study s: 2 trials, 1 of them new, about 1:01 of compute. Nothing was started.",
        "Study new: 20 trials, 20 of them to be drawn. Nothing was started.",
    ]
