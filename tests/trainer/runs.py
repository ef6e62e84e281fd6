"""Small runs that may be cut anywhere, and what they leave."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from lightning.pytorch import Callback

import sweeps.sweep  # noqa: F401 - so that no fork imports it anew
from sweeps.worker.application import Application, Publication
from sweeps.worker.child import Job
from sweeps.worker.forkserver import ForkServer
from sweeps.worker.process import TrialProcess
from tests.conftest import REPOSITORY
from trainer_pkg.checkpoint import load, newest_valid
from trainer_pkg.models import register_models
from trainer_pkg.run import run
from trainer_pkg.train import main
from trainer_pkg.trusted import WHITELIST

EPOCHS, BATCHES = 2, 12
LAST = EPOCHS * BATCHES


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


def train_in_fork(folder: Path, data: Path, options: tuple[str, ...]) -> int:
    """Train in a fork of this process; its exit code."""
    return in_fork(lambda: train(folder, data, *options))


class Served(ForkServer):
    """Stands for the fork server of a sweep that is refused: each process that it starts is a fork of this one."""

    def __init__(self, application: Application, environment: Mapping[str, str]) -> None:
        self.application = application
        os.environ.update(environment)
        self._publication = Publication(application)
        self._context = multiprocessing.get_context("fork")
        self._pids, self._spare = set(), None

    @classmethod
    def of(cls, application: Application, environment: Mapping[str, str]) -> ForkServer:
        return cls(application, environment)

    @classmethod
    def prepare(cls, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        """Nothing to do: everything is imported."""

    def start(self, jobs: Sequence[Job]) -> TrialProcess:
        raise AssertionError("not refused")

    def tidy(self, ended: int | None) -> None:
        """Nothing to do: it ends with this process."""


def command_in_fork(
    folder: Path, *arguments: str, main: Callable[[], object] = main, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`train` with these arguments in a folder, in a fork of this process: everything is imported already.

    With `-m` it is for what the application's check refuses, or something before.
    """

    def command() -> None:
        os.chdir(folder)
        for name in ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI", "HYDRA_FULL_ERROR"):
            os.environ.pop(name, None)
        os.environ.setdefault("SWEEPS_DATA_DIR", str(folder / "data"))
        os.environ.update(environment)
        for stream, file in enumerate(files, start=1):
            os.dup2(file.fileno(), stream)
        sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
        sys.argv = ["train", *arguments]
        torch.set_num_threads(1)
        ForkServer.of, ForkServer.prepare = Served.of, Served.prepare  # type: ignore[method-assign]
        main()

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        files = (out, err)
        code = in_fork(command)
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def in_fork(action: Callable[[], object]) -> int:
    """Do something in a fork of this process; its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def assert_continues(tmp_path: Path, options: tuple[str, ...], steps: set[int], how: signal.Signals) -> None:
    """A run that is cut behind any of the steps and started again ends as one that was left alone, bit for bit."""
    assert train_in_fork(tmp_path / "whole", tmp_path / "data", options) == 0
    for step in steps:
        folder = tmp_path / f"cut{step}"
        cut = f"+callbacks.cut={{_target_: tests.trainer.runs.Cut, step: {step}, how: {int(how)}}}"
        code = train_in_fork(folder, tmp_path / "data", (*options, cut))
        assert code == (143 if how == signal.SIGTERM else -how), step
        assert train_in_fork(folder, tmp_path / "data", options) == 0, step
        one, two = final_state(tmp_path / "whole"), final_state(folder)
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
            assert_equal(one[key], two[key], f"{step}: {key}")
        assert metrics(tmp_path / "whole") == metrics(folder), step


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
