"""A run that was cut anywhere ends with the same weights, optimizer and metrics as one that was not, bit for bit."""

import os
import random
import signal
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist

from tests.conftest import REPOSITORY
from tests.trainer.runs import BATCHES, LAST, assert_continues, assert_equal, final_state, metrics, train
from trainer_pkg.atomic import write_atomically
from trainer_pkg.models import register_models
from trainer_pkg.preflight.stored import with_checkpoint_config
from trainer_pkg.run import run
from trainer_pkg.trusted import WHITELIST


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


CROP = "{_target_: torchvision.transforms.v2.RandomCrop, size: 28, padding: 2}"
SHIFT = f"{{_target_: trainer_pkg.data.transforms.Wrap, transform: {CROP}}}"
OPTIONS = ("model.size=tiny", "model.net.dropout=0.3", f"data.train_transform={SHIFT}")


@pytest.mark.parametrize(
    ("model", "workers"),
    [("cnn", 0), ("dense", 2), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in (("dense", 0), ("cnn", 2)))],
)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("num_cuts", [1, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_run_cut_anywhere_continues_bit_for_bit(
    model: str, workers: int, how: signal.Signals, num_cuts: int, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    # The first and the last step of an epoch are where a resumed loop goes wrong.
    steps = {*random.Random(seed).sample(range(1, LAST), num_cuts), *[BATCHES] * (num_cuts > 1)}
    assert_continues(tmp_path, (f"model={model}", f"data.num_workers={workers}", *OPTIONS), steps, how)


def test_two_runs_of_one_seed_are_equal_and_seed_zero_counts(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, tmp_path / "data", f"seed={seed}", "model=cnn", "model.size=tiny")
    a, b, c = (final_state(tmp_path / name)["state_dict"] for name in "abc")
    assert_equal(a, b)
    assert not torch.equal(a["network.heads.digit.weight"], c["network.heads.digit.weight"])


def test_a_scheduler_that_reads_the_validation_waits_for_it(tmp_path: Path) -> None:
    rare = ("model=dense", "model.size=tiny", "trainer.max_epochs=5", "trainer.check_val_every_n_epoch=2")
    never_good = ("model.scheduler.patience=0", "+model.scheduler.threshold=10", "model.optimizer.lr=0.01")
    train(tmp_path / "run", tmp_path / "data", *rare, *never_good)
    state = final_state(tmp_path / "run")
    [scheduler] = state["lr_schedulers"]
    assert scheduler["last_epoch"] == 2  # after the second and the fourth epoch
    assert scheduler["_last_lr"] == [pytest.approx(0.0001)]


def test_evaluate_gives_the_metrics_of_training(tmp_path: Path) -> None:
    train(tmp_path / "run", tmp_path / "data", "model=cnn", "model.size=tiny", "model.loss_weights.thickness=0.3")
    trained = {name: value for (name, _), value in metrics(tmp_path / "run").items() if name.startswith("test/")}
    register_models()
    overrides = [f"ckpt_path={tmp_path}/run/checkpoints/best.ckpt", f"paths.data_dir={tmp_path}/data"]
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(WHITELIST):
        cfg = compose("evaluate", overrides=[*overrides, f"paths.output_dir={tmp_path}/evaluated"])
        run(with_checkpoint_config(cfg, overrides))
    evaluated = {name: value for (name, _), value in metrics(tmp_path / "evaluated").items() if name in trained}
    assert evaluated == trained and len(trained) == 8


def test_what_a_killed_write_has_left_goes_once_the_run_continues(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    if (child := os.fork()) == 0:
        write_atomically(folder / "step=000000001.ckpt", lambda file: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(child, 0)
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    train(tmp_path / "run", tmp_path / "data", "model=dense", "model.size=tiny", "trainer.max_epochs=1")
    assert {path.suffix for path in folder.iterdir()} == {".ckpt", ".sha256"}
