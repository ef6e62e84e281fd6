"""The promise of the README on real MNIST."""

from pathlib import Path

import pytest

from sweeps.report.frame import trial_frame
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands

LINE = ("-m", "data=multihead_mnist", "model=dense,cnn", "trainer.max_epochs=2", "study.name=first")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_first_study_reaches_its_accuracies_and_grows(commands: Commands, mnist: Path) -> None:
    commands.environment["SWEEPS_DATA_DIR"] = str(mnist)
    weights = "model.loss_weights.thickness=0.1,0.5,1.0"
    done = commands.run("train", *LINE, weights, timeout=1000)
    assert done.returncode == 0, done.stderr
    study = Study(Database(f"sqlite:///{commands.folder}/logs/studies/studies.db", create=False), "first")
    trials = trial_frame(study)
    assert list(trials.own["state"]) == ["completed"] * 6
    accuracies = trials.metrics["test/digit_acc"].groupby(trials.overrides["model"]).min()
    assert accuracies["dense"] >= 0.965 and accuracies["cnn"] >= 0.983
    again = commands.run("train", *LINE, weights, timeout=15)
    assert again.returncode == 0 and "6 of them done" in again.stdout
    assert commands.run("sweeps", "doctor", "first").returncode == 0
