"""Every logger of a trial has all of its values, also what it writes last."""

import csv
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import Commands
from tests.foreign.runs import Application

pytestmark = pytest.mark.long

BLOCK, HEAD = 32768, 7  # of a file of W&B: records in blocks, each behind its checksum, length and kind


def records(path: Path) -> Iterator[object]:
    """What a file of W&B holds."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = path.read_bytes(), HEAD, b""
    while at + HEAD <= len(data):
        if (left := BLOCK - at % BLOCK) < HEAD:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        parts += data[at + HEAD : at + HEAD + length]
        at += HEAD + length
        if kind in (1, 4):  # whole, or its last part
            yield Record.FromString(parts)
            parts = b""


def of_wandb(trial: Path) -> tuple[dict[str, list[float]], bool]:
    """Metric name to its values, and whether the run has ended."""
    [path] = trial.glob("wandb/**/*.wandb")
    found: dict[str, list[float]] = {}
    kinds = set()
    for record in records(path):
        kinds.add(record.WhichOneof("record_type"))  # type: ignore[attr-defined]
        for item in record.history.item:  # type: ignore[attr-defined]
            found.setdefault(item.key or "/".join(item.nested_key), []).append(float(json.loads(item.value_json)))
    return found, "exit" in kinds


def wandb_exits(trial: Path) -> list[int]:
    """With what the trial's runs have ended."""
    told = [record for path in trial.glob("wandb/**/*.wandb") for record in records(path)]
    return [one.exit.exit_code for one in told if one.WhichOneof("record_type") == "exit"]  # type: ignore[attr-defined]


def of_csv(trial: Path) -> dict[str, list[float]]:
    [path] = trial.glob("**/metrics.csv")
    found: dict[str, list[float]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if value:
                    found.setdefault(name, []).append(float(value))
    return found


def of_tensorboard(trial: Path) -> dict[str, list[float]]:
    [first, *_] = trial.glob("**/events.out.tfevents.*")  # the test writes a file of its own
    read = EventAccumulator(str(first.parent))
    read.Reload()
    return {name: [event.value for event in read.Scalars(name)] for name in read.Tags()["scalars"]}


def test_all_loggers_of_a_trial_have_the_same_values(commands: Commands) -> None:
    done = commands.run(
        *("train", "-m", "data=multihead_digits", "model.size=tiny", "trainer.max_epochs=2", "seed=0,1"),
        *("logger=[csv,tensorboard,wandb]", "logger.wandb.offline=true", "study.name=l", "tracking.uri=null"),
    )
    assert done.returncode == 0, done.stderr
    trials = [commands.folder / "logs" / "studies" / "l" / "trials" / number for number in ("000", "001")]
    for trial in trials:
        of_file = {name: of for name, of in of_csv(trial).items() if name.startswith(("train/", "val/", "test/"))}
        assert len(of_file["val/score"]) == 2 and len(of_file["test/mean_acc"]) == 1
        wandb, has_ended = of_wandb(trial)
        assert has_ended
        tensorboard = of_tensorboard(trial)
        for name, values in of_file.items():
            assert wandb[name] == pytest.approx(values, rel=1e-6), name
            assert tensorboard[name] == pytest.approx(values, rel=1e-6), name
    scores = [of_csv(trial)["val/score"] for trial in trials]
    assert scores[0] != scores[1]


def test_a_run_of_a_trial_that_fails_has_failed_at_wandb_and_one_that_is_pruned_has_not(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "raises", WANDB_MODE="offline", WANDB_DIR=".")
    app.study("+x=ValueError,sweeps.TrialPruned,optuna.TrialPruned,''", "+study.slots=1", code=1)
    ends = [wandb_exits(folder) for folder in sorted((tmp_path / "logs/studies/s/trials").iterdir())]
    assert ends == [[1], [0], [0], [0]]
    assert [trial.state for trial in app.trials()] == ["failed", "pruned", "pruned", "completed"]
    log = (tmp_path / "logs/studies/s/trials/000/trial.log").read_text()
    assert log.count("ValueError: it raises") == 1
