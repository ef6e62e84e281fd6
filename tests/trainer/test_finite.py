"""A training that has diverged ends at that epoch, as a failure with that cause, and its metrics are there."""

import csv
import math
from pathlib import Path

import pytest

from sweeps.outcome import Completed, Failed
from tests.conftest import Commands
from tests.invariants import study
from tests.trainer.runs import command_in_fork

SMALL = ("data=multihead_digits", "model.size=tiny")


def of_epochs(folder: Path) -> list[dict[str, str]]:
    (file,) = folder.glob("logs/**/metrics.csv")
    with file.open() as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("model.optimizer.lr=1e30", "trainer.max_epochs=3"), "train/loss is nan in epoch 1"),
        # The last epoch, and a training loss that was a number when its only batch was trained on.
        (
            ("model.optimizer.lr=1e30", "trainer.max_epochs=1", "trainer.limit_train_batches=1"),
            "val/loss is nan in epoch 1",
        ),
    ],
)
def test_a_run_ends_with_one_line_behind_the_epoch_that_its_loggers_have(
    options: tuple[str, ...], told: str, tmp_path: Path, data_dir: Path
) -> None:
    done = command_in_fork(tmp_path, *SMALL, *options, "logger=csv", SWEEPS_DATA_DIR=str(data_dir))
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == f"Error: {told}: the training has diverged."
    assert "Traceback" not in done.stderr
    rows = of_epochs(tmp_path)
    assert {row["epoch"] for row in rows if row["train/loss"] or row["val/loss"]} == {"0"}
    assert any(row["train/loss"] for row in rows) and any(row["val/loss"] == "nan" for row in rows)
    assert not any(row.get("test/loss") for row in rows), "nothing is tested"


def test_the_diverged_trials_of_a_study_fail_and_the_others_do_not(commands: Commands) -> None:
    line = ("-m", *SMALL, "model.optimizer.lr=0.001,1e30", "trainer.max_epochs=2", "study.replicates=2")
    done = commands.run("train", *line, "study.name=s", "tracking.uri=null")
    assert done.returncode == 1, done.stderr
    trials = study(commands, url=f"sqlite:///{commands.folder}/logs/studies/studies.db").trials()
    of_rate = {trial.point.overrides["model.optimizer.lr"]: [] for trial in trials if trial.point}  # type: ignore[var-annotated]
    for trial in trials:
        assert trial.point is not None
        of_rate[trial.point.overrides["model.optimizer.lr"]].append(trial)
    for trial in of_rate.pop("0.001"):
        assert isinstance(trial.outcome, Completed) and all(map(math.isfinite, trial.outcome.values))
    ((_, diverged),) = of_rate.items()
    assert len(diverged) == 2
    for trial in diverged:
        assert isinstance(trial.outcome, Failed) and (trial.outcome.cause, trial.attempt) == ("nonfinite", 1)
        assert trial.outcome.detail == "Diverged: train/loss is nan in epoch 1: the training has diverged."
        assert trial.outcome.metrics["val/selected_epoch"] == 1.0 and "val/loss" not in trial.outcome.metrics
        assert f"trial {trial.number} failed (nonfinite)" in done.stderr
    rows = [row for row in done.stdout.splitlines() if row.startswith("|")]
    assert not any("e+30" in row and "**" in row for row in rows) and "Best:    model.optimizer.lr=0.001" in done.stdout
