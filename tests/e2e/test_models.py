"""From `train -m` to a registered model that predicts what was measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Commands, lines

PREDICT = """
import sys
from pathlib import Path
import mlflow, torch
from trainer_pkg.data.cache import cached
from trainer_pkg.data.digits import Digits

mlflow.set_tracking_uri("sqlite:///mlflow.db")
model = mlflow.pytorch.load_model("models:/m@champion")
test = cached(Digits(), Path(sys.argv[1]))["test"]
labels = torch.cat([model.predict(images)["digit"] for images in test["image"].split(250)])
print((labels == test["digit"]).float().mean().item())
"""


@pytest.mark.slow
def test_the_champion_predicts_what_the_best_trial_s_test_has_measured(commands: Commands) -> None:
    line = ("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "trainer.max_epochs=1")
    trained = commands.run("train", *line, "study.name=m", "tracking.system_metrics=true", "trainer.accelerator=cpu")
    assert trained.returncode == 0, trained.stderr
    registered = commands.run("sweeps", "register", "m", "--alias", "champion")
    assert registered.returncode == 0, registered.stderr
    told = lines(registered.stdout)[-1]
    number = int(told.split("trial ")[1].split()[0])
    assert told == f"m: trial {number} is version 1 of model m: models:/m@champion"
    agreed = commands.run("sweeps", "doctor", "m")
    assert agreed.returncode == 0, agreed.stdout
    predicted = subprocess.run(
        [sys.executable, "-c", PREDICT, str(commands.folder / "data" / "cache")],
        cwd=commands.folder,
        env={**commands.environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    records = [json.loads(line) for line in journal_of(commands.folder, number).read_text().splitlines()]
    metrics = {name: value for record in records for name, value in record.get("metrics", {}).items()}
    assert abs(float(lines(predicted.stdout)[-1]) - metrics["test/digit_acc"]) < 1e-6
    assert "system/process_cpu_percent" in metrics


def journal_of(folder: Path, number: int) -> Path:
    return folder / "logs" / "studies" / "m" / "trials" / f"{number:03d}" / "journal.jsonl"
