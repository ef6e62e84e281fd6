"""An objective that is a mean over the heads of a trial compares trials that train the same heads, and says so."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import sweeps
from sweeps import cli
from sweeps.outcome import Completed
from sweeps.report.asked import Asked, Looked, table_of
from sweeps.report.averages import best_first, cell_means
from sweeps.report.best import best_lines, keep_best, winners
from sweeps.report.frame import trial_frame
from sweeps.report.portable import Portable
from sweeps.report.tables import benchmark_table
from sweeps.study.study import Study
from sweeps.tracking.note import _best_first
from sweeps.trial.files import StudyFiles
from tests.studies import Result, done, study_of, url

SCORE, A, B = "val/score", "val/a_acc", "val/b_acc"
AMONG = "3 of 6 completed trials, whose val/score is a mean of val/a_acc, val/b_acc"


def result(weights: str, seed: int, a: float | None, b: float | None) -> Result:
    metrics = {name: value for name, value in ((A, a), (B, b)) if value is not None}
    score = sum(metrics.values()) / len(metrics)
    return {"w": weights, "seed": str(seed)}, done(score, metrics={**metrics, "test/acc": 0.5})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Head a alone has the best score; with both heads one more cell, which has run once, and is not the best."""
    results = [result("a", seed, 0.9 + seed / 100, None) for seed in range(3)]
    results += [result("both", seed, 0.8 + seed / 100, 0.6) for seed in range(3)]
    made = study_of(tmp_path, results, objectives=(SCORE,), directions=("maximize",), varied=("w", "seed"))
    made.declare({SCORE: "max"}, {SCORE: [A]})
    made.declare({A: "max", B: "max"}, {SCORE: [A, B]})
    made.declare({}, {SCORE: [A]})
    return made


def test_parts_of_all_trials_are_kept_together(study: Study) -> None:
    assert Study(study.database, "s").metric_means == {SCORE: [A, B]}
    assert study.metric_directions == {SCORE: "max", A: "max", B: "max"}


def test_the_best_is_among_the_trials_with_all_heads(study: Study, tmp_path: Path) -> None:
    trials = study.current_trials()
    assert [trial.number for trial in winners(study, trials)] == [5, 4, 3]
    assert best_lines(study, trials)[-1] == f"         compared: {AMONG}"
    assert best_lines(study, trials)[0].startswith("Best:    w=both: val/score=0.705 over 3 seeds")
    told = CliRunner().invoke(cli.app, ["best", "s", "--storage", url(tmp_path)]).stdout.splitlines()
    assert told[0] == "Best of s: w=both, val/score=0.705 over 3 seeds" and told[-1] == f"compared:   {AMONG}"
    assert [best.trial for best in sweeps.load_study("s", url(tmp_path)).best()] == [5]
    keep_best(study, StudyFiles(tmp_path))
    assert yaml.safe_load(StudyFiles(tmp_path).best.read_text())["compared"] == AMONG


def test_a_table_chooses_and_marks_among_rows_with_the_same_heads(study: Study) -> None:
    looked = Looked.at([study])
    table = table_of(looked, Asked(metrics=[SCORE, A]))
    score, of_a = (next(c for c in table.columns if c.title == title) for title in (SCORE, A))
    assert score.values == pytest.approx((0.91, 0.705))
    assert not score.marks.best  # one cell with head a alone, one with both: nothing to compare with
    assert of_a.marks.best == {0}  # by the metric of one head they are compared as ever
    tested = table_of(looked, Asked())
    assert any("Chosen on validation, by the mean of val/score: w=both." in note for note in tested.notes)
    assert any("What is chosen has a mean of val/a_acc, val/b_acc." in note for note in tested.notes)
    again = Portable.from_json(looked.portable().to_json())
    assert table_of(again, Asked()).notes == tested.notes


def test_pictures_and_the_note_begin_with_the_rows_of_all_heads(study: Study) -> None:
    trials = trial_frame(study)
    assert best_first(trials, cell_means(trials)) == [1, 0]
    table = benchmark_table(trials, [SCORE, A, B])
    assert table is not None and _best_first(table.columns) == [1, 0]


def test_where_all_train_the_same_heads_nothing_is_said(tmp_path: Path) -> None:
    results = [result(w, seed, 0.8 + seed / 100, 0.6) for w in ("x", "y") for seed in range(3)]
    made = study_of(tmp_path, results, objectives=(SCORE,), directions=("maximize",), varied=("w", "seed"))
    made.declare({SCORE: "max"}, {SCORE: [A, B]})
    assert not any("a mean of" in line for line in best_lines(made, made.current_trials()))
    assert not any("a mean of what" in note for note in table_of(Looked.at([made]), Asked()).notes)
    assert all(isinstance(trial.outcome, Completed) for trial in made.trials())
