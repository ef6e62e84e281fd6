"""`sweeps weights`: the weightings of a study, with worked values of a real one."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sweeps import cli
from sweeps.errors import StudyError
from sweeps.outcome import Completed, Outcome
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from sweeps.trial.ownership import own_trial
from tests.studies import study_of, url, weight_study

CONSTANTS = {"digit": 0.1135, "thickness": 0.2148, "smoothness": 0.3636}
GIVEN = [part for head, value in CONSTANTS.items() for part in ("--constant", f"test/{head}_acc={value}")]
Weights = tuple[float, float]


def weights(folder: Path, *arguments: str, name: str = "weights") -> Result:
    return CliRunner().invoke(cli.app, ["weights", name, "--storage", url(folder), *arguments])


def rows_of(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_a_real_weight_study_has_its_worked_values(tmp_path: Path) -> None:
    weight_study(tmp_path).database.engine.dispose()
    rows = rows_of(weights(tmp_path, "--format", "csv"))
    assert len(rows) == 18
    by_name = {(row["model"], row["digit"], row["thickness"], row["smoothness"]): row for row in rows}
    cnn, dense = by_name["cnn", "1", "1", "1"], by_name["dense", "1", "1", "1"]
    assert float(cnn["Δm %"]) == pytest.approx(-7.28, abs=0.005) and cnn["worst task"] == "thickness -10.12 %"
    assert float(dense["Δm %"]) == pytest.approx(-16.53, abs=0.005)
    assert rows[0] is cnn and rows[0]["front"] == "yes"
    means = [float(row["mean"]) for row in rows if row["mean"]]
    assert len(means) == 12 and means == sorted(means, reverse=True)
    alone = by_name["cnn", "0", "1", "0"]
    assert [alone[column] for column in ("val/acc_best", "test/digit_acc", "mean", "Δm %", "worst task", "front")] == [
        ""
    ] * 6
    assert float(alone["test/thickness_acc"]) == pytest.approx(0.793, abs=0.001)


def test_the_page_of_weights_says_how_it_is_read(tmp_path: Path) -> None:
    weight_study(tmp_path).database.engine.dispose()
    told = weights(tmp_path, *GIVEN).stdout
    assert "Hypervolume of the rows that train all tasks: model=dense 0.4178, model=cnn 0.7250" in told
    assert "**-7.3 ± 1.7**" in told and "Chosen on validation, by the mean of val/acc_best: model=cnn" in told
    assert "They are of the test split, which describes the rows and is not to choose among them." in told
    assert "front: no other row with the same model that trains all tasks" in told and "flops" not in told
    assert "--constant test/digit_acc=VALUE says it." in weights(tmp_path).stdout


def measured(study: Study, points: list[tuple[Point, Weights]]) -> None:
    """Each point with its values on tasks a (more is better) and b (less is better)."""
    study.remember("metric_directions", {"test/a_acc": "max", "test/b_mae": "min"})
    study.add([point for point, _ in points])
    for _, (a, b) in points:
        claim = study.claim("w", None)
        assert claim is not None
        metrics = {"test/a_acc": a, "test/a_loss": 1 - a, "test/a_big_loss": 1.0, "test/b_mae": b, "test/b_loss": b}
        if "big" not in study.name:
            del metrics["test/a_big_loss"]
        study.tell(claim, Completed(values=(a,), metrics=metrics, duration_s=1.0))


def of_roles(folder: Path, name: str = "weights") -> Study:
    study = Study.create(Database(url(folder)), name, ["maximize"], {"objective": ["o"]})
    made: list[tuple[str, dict[str, str], Weights]] = [
        ("baseline", {"w.a": "2.0", "w.b": "0.0"}, (0.8, 9.0)),
        ("baseline", {"w.a": "0.0", "w.b": "2.0"}, (0.1, 2.0)),
        ("balancer", {"w.a": "1.0", "w.b": "1.0", "how": "uw"}, (0.6, 2.5)),
        ("weighting", {"w.a": "1.5", "w.b": "0.5"}, (0.84, 3.0)),
        ("weighting", {"w.a": "0.5", "w.b": "1.5"}, (0.4, 2.6)),
    ]
    measured(study, [(Point(overrides=o, varied=("w.a", "w.b"), role=role), values) for role, o, values in made])
    return study


def test_a_method_is_measured_by_the_baselines_that_have_none(tmp_path: Path) -> None:
    of_roles(tmp_path).database.engine.dispose()
    rows = rows_of(weights(tmp_path, "--format", "csv"))
    found = {(row["role"], row["a"]): row for row in rows}
    # a rises: 0.84 of 0.8; b falls: 3 of 2. By hand: (5 - 50) / 2.
    assert float(found["weighting", "1.5"]["Δm %"]) == pytest.approx(-22.5)
    assert float(found["balancer", "1.0"]["Δm %"]) == pytest.approx(-25.0)
    assert found["balancer", "1.0"]["worst task"] == "a -25.00 %"
    assert [found[key]["front"] for key in (("balancer", "1.0"), ("weighting", "1.5"), ("weighting", "0.5"))] == [
        "yes",
        "yes",
        "",
    ]
    assert "mean" not in rows[0]  # of an accuracy and of an error there is none
    assert [row["a"] for row in rows[:2]] == ["1.5", "1.0"]  # by the gain instead
    told = weights(tmp_path, "--constant", "test/a_acc=0.2", "--constant", "test/b_mae=4").stdout
    # (0.6, 2.5) is (2/3, 3/4), (0.84, 3) is (16/15, 1/2), (0.4, 2.6) is (1/3, 0.7).
    assert f"Hypervolume of the rows that train all tasks: {2 / 3 * 3 / 4 + (16 / 15 - 2 / 3) / 2:.4f} (" in told


def test_counts_that_trials_have_left_say_what_a_constant_answer_reaches(tmp_path: Path) -> None:
    study, folder = of_roles(tmp_path), tmp_path / "studies" / "weights"
    study.remember("directory", str(folder))
    (trial, *_) = study.trials()
    files = StudyFiles(folder).trial(0)
    assert trial.point is not None
    own_trial(files, trial.point.key)
    Journal(files.directory).event("attempt", attempt=1)
    table = {
        "name": "a",
        "metric": "test/a_acc",
        "classes": ["0", "1", "2"],
        "counts": [[1, 0, 0], [1, 0, 0], [0, 0, 3]],
    }
    files.confusion.write_text(json.dumps({"tables": [table]}))
    study.database.engine.dispose()
    told = weights(tmp_path, "--constant", "test/b_mae=4").stdout
    assert "a constant answer (test/a_acc 0.6, test/b_mae 4)" in told
    assert "--constant test/b_mae=VALUE says it." in weights(tmp_path).stdout


def test_a_task_whose_name_begins_another_one_keeps_its_own_metric(tmp_path: Path) -> None:
    of_roles(tmp_path, "big").database.engine.dispose()
    (row, *_) = rows_of(weights(tmp_path, "--format", "csv", name="big"))
    assert {"test/a_acc", "test/a_big_loss", "test/b_mae"} <= row.keys() and "test/a_loss" not in row


def test_a_plain_grid_of_one_weight_has_means_and_says_what_it_lacks(tmp_path: Path) -> None:
    def acc(value: float) -> Outcome:
        metrics = {"test/a_acc": value, "test/a_loss": 1.0, "test/b_acc": 0.5, "test/b_loss": 1.0}
        return Completed(values=(value,), metrics=metrics, duration_s=1.0)

    results = [({"model.weights.a": w}, acc(float(w) / 2)) for w in ("0.1", "0.5", "1.0")]
    study = study_of(tmp_path, results)  # type: ignore[arg-type]
    study.remember("metric_directions", {"test/a_acc": "max", "test/b_acc": "max"})
    study.database.engine.dispose()
    rows = rows_of(weights(tmp_path, "--format", "csv", name=study.name))
    assert [(row["a"], float(row["mean"])) for row in rows] == [("1.0", 0.5), ("0.5", 0.375), ("0.1", 0.275)]
    assert "Δm %" not in rows[0] and [row["front"] for row in rows] == ["yes", "", ""]
    told = weights(tmp_path, name=study.name).stdout
    assert "No Δm %: it takes rows that train one task each" in told
    assert "No hypervolume: no row trains a alone, so its scale is not known." in told


def test_what_is_no_study_of_weights_is_one_line(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"lr": lr}, Completed(values=(0.1,), metrics={}, duration_s=1.0)) for lr in "12"])  # type: ignore[misc]
    study.database.engine.dispose()
    error = weights(tmp_path, name=study.name).exception
    assert isinstance(error, StudyError) and "weighs no tasks. No trial that has completed has" in str(error)


def test_a_constant_is_a_number_of_a_task(tmp_path: Path) -> None:
    of_roles(tmp_path).database.engine.dispose()
    for given, message in (
        ("test/a_acc", "--constant=test/a_acc has no number"),
        ("test/a_acc=nan", "--constant=test/a_acc=nan has no number"),
        ("test/c=1", "--constant=test/c is the metric of no task. Metrics: test/a_acc, test/b_mae"),
    ):
        error = weights(tmp_path, "--constant", given).exception
        assert isinstance(error, StudyError) and message in str(error)
