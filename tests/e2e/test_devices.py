"""A trial on several devices is one trial: the processes that it starts are part of it, and join no study."""

import pytest

from tests.conftest import Commands, lines
from tests.invariants import alive_in

pytestmark = pytest.mark.long

SEVERAL = (
    *("data=multihead_digits", "model=dense", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"),
    *("trainer.sync_batchnorm=false", "trainer.max_epochs=1", "trainer.limit_train_batches=5", "tracking.uri=null"),
)
STORAGE = "study.storage=sqlite:///studies.db"


@pytest.mark.parametrize("strategy", ["ddp", pytest.param("ddp_fork", marks=pytest.mark.slow)])
def test_a_sweep_over_trials_on_several_devices(commands: Commands, strategy: str) -> None:
    line = ("-m", *SEVERAL, f"trainer.strategy={strategy}", "model.size=tiny,base", "study.slots=1", "study.name=s")
    done = commands.run("train", *line, STORAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    table = commands.run("sweeps", "table", "s", "--trials", "--storage", "sqlite:///studies.db")
    header, *rows = (row.split(",") for row in lines(table.stdout))
    assert [row[header.index("model.size")] for row in rows] == ["tiny", "base"]
    assert [row[header.index("state")] for row in rows] == ["completed"] * 2
    shown = commands.run("sweeps", "show", "s", "--trial", "1", "--storage", "sqlite:///studies.db").stdout
    assert shown.count("claimed") == 1 and shown.count("finished") == 1  # no second worker took it
    assert alive_in(commands) == []


def test_a_strategy_may_be_typed_by_hand(commands: Commands) -> None:
    by_hand = [part for part in SEVERAL if part not in ("trainer=ddp", "trainer.sync_batchnorm=false")]
    done = commands.run("train", *by_hand, "+trainer.strategy=ddp", "model.size=tiny", "paths.output_dir=run")
    assert done.returncode == 0, done.stderr
    assert "val/score_best=" in done.stdout + done.stderr


def test_a_strategy_that_pickles_the_model_is_refused_before_anything_is_made(commands: Commands) -> None:
    for mode in ((), ("-m", "model.size=tiny,base", STORAGE)):
        done = commands.run("train", *mode, *SEVERAL, "trainer.strategy=ddp_spawn")
        assert done.returncode == 2 and len(lines(done.stderr)) == 1, done.stderr
        assert "trainer.strategy=ddp_spawn pickles the model, which cannot be; use ddp" in done.stderr
    assert commands.made() == []
