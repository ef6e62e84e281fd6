"""A whole loss-weight study on digits: what is trained, what MLflow, Optuna and the table have, and its refinement."""

import csv

import mlflow
import optuna
import pytest

from tests.conftest import Commands, lines
from tests.invariants import study

HEADS = ("digit", "thickness", "smoothness")
LINE = (
    *("-m", "study=loss_weights", "study/weighting=simplex", "study.points.weighting.levels=2", "study.name=weights"),
    *("data=multihead_digits", "data/labels=measured", "model.size=tiny", "trainer.max_epochs=1"),
    *("trainer.limit_train_batches=4", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1"),
)
BASELINES = [(3, 0, 0), (0, 3, 0), (0, 0, 3), (1, 1, 1)]
WEIGHTINGS = [(1.5, 1.5, 0), (1.5, 0, 1.5), (0, 1.5, 1.5)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_of_weights_runs_once_and_is_refined_once(commands: Commands) -> None:
    first = commands.run("train", *LINE, timeout=400)
    assert first.returncode == 0, first.stderr
    url = f"sqlite:///{commands.folder}/logs/studies/studies.db"
    made = study(commands, "weights", url)
    points = [trial.point for trial in made.trials() if trial.point]
    weights = [tuple(float(point.overrides[f"model.loss_weights.{head}"]) for head in HEADS) for point in points]
    assert weights[:4] == BASELINES and weights[6:] == WEIGHTINGS and len(weights) == 9
    assert [point.role for point in points] == ["baseline"] * 6 + ["weighting"] * 3

    again = commands.run("train", *LINE, timeout=200)
    assert again.returncode == 0 and "Study weights: 9 trials, 9 of them done." in again.stdout
    refined = commands.run("train", *LINE, "study.refine=1", timeout=200)
    assert refined.returncode == 0 and "[10/10] trial 9 completed" in refined.stdout, refined.stderr
    again = commands.run("train", *LINE, "study.refine=1", timeout=200)
    assert again.returncode == 0 and "Study weights: 10 trials, 10 of them done." in again.stdout
    attempts = [trial.attempt for trial in study(commands, "weights", url).trials()]
    assert attempts == [1] * 10

    table = commands.run("sweeps", "table", "weights", "--trials", "--format", "csv")
    rows = list(csv.DictReader(lines(table.stdout)))
    assert [tuple(float(row[f"model.loss_weights.{head}"]) for head in HEADS) for row in rows[:9]] == weights
    assert [row["role"] for row in rows] == ["baseline"] * 6 + ["weighting"] * 4

    mlflow.set_tracking_uri(f"sqlite:///{commands.folder}/mlflow.db")
    runs = mlflow.search_runs(
        search_all_experiments=True, filter_string="tags.`sweeps.role` = 'trial'", output_format="list"
    )
    found = {int(run.data.tags["trial"]): run.data for run in runs}
    assert {n: run.tags["role"] for n, run in found.items()} == {n: row["role"] for n, row in enumerate(rows)}
    for number, expected in enumerate(weights):
        assert tuple(found[number].metrics[f"x/model.loss_weights.{head}"] for head in HEADS) == expected

    trials = optuna.load_study(study_name="weights", storage=made.database.storage).trials
    for head in HEADS:
        assert len({str(trial.distributions[f"model.loss_weights.{head}"]) for trial in trials}) == 1
    assert [tuple(trial.params[f"model.loss_weights.{head}"] for head in HEADS) for trial in trials[:9]] == weights
