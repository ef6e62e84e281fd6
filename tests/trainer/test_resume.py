"""A run that was cut anywhere ends with the same weights, optimizer and metrics as one that was not, bit for bit."""

import json
import os
import random
import signal
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from lightning.pytorch import Callback

from tests.conftest import REPOSITORY
from trainer_pkg.checkpoint import load, newest_valid
from trainer_pkg.entry import WHITELIST, register_models
from trainer_pkg.run import run

EPOCHS, BATCHES = 2, 12


class Cut(Callback):
    """Sends the process a signal behind a training batch; a configuration names it as `callbacks.cut`."""

    def __init__(self, step: int, how: int) -> None:
        self._step, self._how = step, how

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        if trainer.global_step == self._step:
            os.kill(os.getpid(), self._how)


def train(folder: Path, data: Path, *overrides: str) -> float:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist([*WHITELIST, "tests.*"]):
        cfg = compose(
            "train",
            overrides=[
                "data=multihead_digits",
                f"paths.output_dir={folder}",
                f"paths.data_dir={data}",
                f"trainer.max_epochs={EPOCHS}",
                f"trainer.limit_train_batches={BATCHES}",
                "trainer.accelerator=cpu",
                *overrides,
            ],
        )
        return run(cfg)  # type: ignore[return-value]


def final_state(folder: Path) -> dict[str, Any]:
    path = newest_valid(folder / "checkpoints")
    assert path is not None
    return load(path)


def metrics(folder: Path) -> dict[tuple[str, int], float]:
    records = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    points: dict[tuple[str, int], float] = {}
    for record in records:
        for name, value in record.get("metrics", {}).items():
            assert (name, record["step"]) not in points, "recorded twice"
            points[name, record["step"]] = value
    return points


def assert_equal(one: Any, two: Any, path: str = "") -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), path
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), path
        for key in one:
            assert_equal(one[key], two[key], f"{path}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), path
        for index, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_equal(a, b, f"{path}/{index}")
    else:
        assert one == two, path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)


CROP = "{_target_: torchvision.transforms.v2.RandomCrop, size: 28, padding: 2}"
SHIFT = f"{{_target_: trainer_pkg.data.transforms.Wrap, transform: {CROP}}}"
OPTIONS = ("model.size=tiny", "model.net.dropout=0.3", f"data.train_transform={SHIFT}")
LAST = EPOCHS * BATCHES


@pytest.mark.parametrize("model", ["dense", "cnn"])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("num_cuts", [1, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_run_cut_anywhere_continues_bit_for_bit(
    model: str, workers: int, how: signal.Signals, num_cuts: int, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    # The first and the last step of an epoch are where a resumed loop goes wrong.
    steps = {*random.Random(seed).sample(range(1, LAST), num_cuts), *[BATCHES] * (num_cuts > 1)}
    options = (f"model={model}", f"data.num_workers={workers}", *OPTIONS)
    assert train_in_fork(tmp_path / "whole", tmp_path / "data", options) == 0
    for step in steps:
        folder = tmp_path / f"cut{step}"
        cut = f"+callbacks.cut={{_target_: tests.trainer.test_resume.Cut, step: {step}, how: {int(how)}}}"
        code = train_in_fork(folder, tmp_path / "data", (*options, cut))
        assert code == (143 if how == signal.SIGTERM else -how), step
        assert train_in_fork(folder, tmp_path / "data", options) == 0, step
        one, two = final_state(tmp_path / "whole"), final_state(folder)
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
            assert_equal(one[key], two[key], f"{step}: {key}")
        assert metrics(tmp_path / "whole") == metrics(folder), step


def train_in_fork(folder: Path, data: Path, options: tuple[str, ...]) -> int:
    """Train in a fork of this process; its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            train(folder, data, *options)
            code = 0
        except SystemExit as error:
            code = int(str(error.code))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_two_runs_of_one_seed_are_equal_and_seed_zero_counts(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, tmp_path / "data", f"seed={seed}", "model=cnn", "model.size=tiny")
    a, b, c = (final_state(tmp_path / name)["state_dict"] for name in "abc")
    assert_equal(a, b)
    assert not torch.equal(a["network.heads.digit.weight"], c["network.heads.digit.weight"])


def test_evaluate_gives_the_metrics_of_training(tmp_path: Path) -> None:
    from trainer_pkg.evaluate import with_checkpoint_config

    train(tmp_path / "run", tmp_path / "data", "model=cnn", "model.size=tiny", "model.loss_weights.thickness=0.3")
    trained = {name: value for (name, _), value in metrics(tmp_path / "run").items() if name.startswith("test/")}
    register_models()
    overrides = [f"ckpt_path={tmp_path}/run/checkpoints/best.ckpt", f"paths.data_dir={tmp_path}/data"]
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(WHITELIST):
        cfg = compose("evaluate", overrides=[*overrides, f"paths.output_dir={tmp_path}/evaluated"])
        run(with_checkpoint_config(cfg, overrides))
    evaluated = {name: value for (name, _), value in metrics(tmp_path / "evaluated").items() if name in trained}
    assert evaluated == trained and len(trained) == 8
