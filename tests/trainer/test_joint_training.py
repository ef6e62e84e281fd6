"""Trials that train together end as alone: weights, optimizers, counters and random numbers, bit for bit."""

import itertools
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import Strategy

from sweeps.trial.handle import Trial, TrialPruned
from tests.trainer.fused import alone, assert_alike, assert_each_ends_as_alone, together
from tests.trainer.runs import final_state, in_fork
from trainer_pkg.data.tensors import write
from trainer_pkg.errors import Diverged
from trainer_pkg.fused.batches import JointBatch
from trainer_pkg.fused.measures import Apart, Stacked
from trainer_pkg.fused.together import Team
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal

SGD = ("model.optimizer._target_=torch.optim.SGD", "+model.optimizer.momentum=0.9", "+model.optimizer.nesterov=true")
UNFUSED = "model.optimizer.fused=false"
RMSPROP = ("model.optimizer._target_=torch.optim.RMSprop", "~model.optimizer.fused")
FOCAL = "model.criterion._target_=trainer_pkg.losses.classification.FocalLoss"
ORDINAL = "+model.criteria.thickness._target_=trainer_pkg.losses.ordered.OrdinalRegression"
CROP = "{_target_: torchvision.transforms.v2.RandomCrop, size: 28, padding: 2}"
SHIFT = f"{{_target_: trainer_pkg.data.transforms.Wrap, transform: {CROP}}}"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize(
    "common",
    [
        ("model=dense", "data.eval_batch_size=70"),
        ("model=mlp", "model.size=small", "model/head=hidden", "model.head.dropout=0.2", "data.eval_batch_size=70"),
        ("model=dense", "model.net.dropout=0.3", "model/optimizer=adamw", "trainer.gradient_clip_val=0.5"),
        ("model=dense", *SGD, "model.scheduler.patience=0", "model/adapter=linear", "model.adapter.width=16"),
        ("model=mlp", *RMSPROP, "trainer.gradient_clip_val=0.01", "+trainer.gradient_clip_algorithm=value"),
        ("model=dense", FOCAL, ORDINAL),
        ("model=dense", "trainer.max_epochs=4", "trainer.check_val_every_n_epoch=2", "model.scheduler.patience=0"),
        ("model=cnn", "trainer.limit_train_batches=5", "trainer.limit_val_batches=2", "trainer.num_sanity_val_steps=1"),
        ("model=vit", "trainer.limit_train_batches=4", f"data.train_transform={SHIFT}"),
    ],
)
def test_trials_end_as_alone(common: tuple[str, ...], data: Path, tmp_path: Path) -> None:
    own = [("model.loss_weights.thickness=0.1",), ("seed=3", "model.optimizer.lr=0.01"), ("model.optimizer.lr=0.003",)]
    options = {number: (*common, *overrides) for number, overrides in enumerate(own)}
    assert_each_ends_as_alone(tmp_path, data, options)


@pytest.mark.parametrize(
    ("common", "key", "values"),
    [
        ((UNFUSED, "+model.optimizer.amsgrad=0"), "model.optimizer.amsgrad", (0, 1)),
        ((UNFUSED, "+model.optimizer.maximize=0"), "model.optimizer.maximize", (0, 1)),
        (("+model.optimizer.eps=1e-8",), "model.optimizer.eps", (1e-8, 1e-3)),
        ((SGD[0], "+model.optimizer.momentum=0.0"), "model.optimizer.momentum", (0.0, 0.5)),
        (("+model.criterion.label_smoothing=0.0",), "model.criterion.label_smoothing", (0.0, 0.3)),
    ],
)
def test_switches_that_are_numbers_are_each_trial_s_own(
    common: tuple[str, ...], key: str, values: tuple[float, float], data: Path, tmp_path: Path
) -> None:
    options = {number: ("model=dense", *common, f"{key}={value}") for number, value in enumerate(values)}
    found = together(tmp_path, data, options)
    assert found[0] != found[1] or key.endswith("eps")
    for number, overrides in options.items():
        assert found[number] == alone(tmp_path / "alone" / str(number), data, *overrides)
        assert_alike(tmp_path / "alone" / str(number), tmp_path / str(number))


def test_one_that_diverges_leaves_the_others_as_they_are(data: Path, tmp_path: Path) -> None:
    found = together(tmp_path, data, {0: ("seed=1",), 1: ("model.optimizer.lr=1e30",), 2: ("seed=2",)})
    assert isinstance(found[1], Diverged | FloatingPointError)
    for number, seed in ((0, 1), (2, 2)):
        assert found[number] == alone(tmp_path / "alone" / str(number), data, f"seed={seed}")
        assert_alike(tmp_path / "alone" / str(number), tmp_path / str(number))
    assert not any(math.isnan(found[number]) for number in (0, 2))


def test_one_that_stops_early_leaves_the_others_as_they_are(data: Path, tmp_path: Path) -> None:
    common = ("trainer.max_epochs=4", "callbacks.early_stopping.patience=1")
    options = {0: (*common, "seed=1"), 1: (*common, "model.optimizer.lr=1e-9"), 2: (*common, "seed=2")}
    together(tmp_path, data, options)
    for number, overrides in options.items():
        alone(tmp_path / "alone" / str(number), data, *overrides)
        assert_alike(tmp_path / "alone" / str(number), tmp_path / str(number))
    assert [final_state(tmp_path / str(number))["epoch"] for number in options] == [3, 1, 3]


class Doomed(Trial):
    """A trial that its pruner stops once it is at so much of its work."""

    def __init__(self, at: float) -> None:
        self._at, self._done = at, 0.0

    def progress(self, done: float | None = None) -> None:
        self._done = done or self._done

    @property
    def should_prune(self) -> bool:
        return self._done >= self._at


def test_one_that_is_pruned_leaves_the_others_as_they_are(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = Doomed(0.5)
    monkeypatch.setattr("trainer_pkg.fused.together._LOOK_S", 0.0)
    monkeypatch.setattr("sweeps.lightning._LOOK_S", 0.0)
    options = {number: ("trainer.max_epochs=3", f"seed={number}") for number in range(3)}
    found = together(tmp_path, data, options, {1: doomed})
    assert isinstance(found[1], TrialPruned)
    monkeypatch.undo()
    for number in (0, 2):
        assert found[number] == alone(tmp_path / "alone" / str(number), data, *options[number])
        assert_alike(tmp_path / "alone" / str(number), tmp_path / str(number))


def test_trials_that_were_told_to_end_in_the_middle_of_an_epoch_go_on_in_any_company(
    data: Path, tmp_path: Path
) -> None:
    options = {number: ("model.net.dropout=0.3", f"seed={number}") for number in range(4)}
    for number in range(3):
        alone(tmp_path / "alone" / str(number), data, *options[number])

    def cut() -> None:
        Team._train_on = _cut_at(step=10 + 4, train_on=Team._train_on)  # type: ignore[method-assign]
        found = together(tmp_path, data, {number: options[number] for number in range(3)})
        assert [getattr(error, "code", error) for error in found.values()] == [143] * 3

    assert in_fork(cut) == 0
    last = [final_state(tmp_path / str(number)) for number in range(3)]
    assert [state["DataModule"] for state in last] == [{"epoch": 1, "batch": 4}] * 3
    found = {
        0: alone(tmp_path / "0", data, *options[0]),
        **together(tmp_path, data, {number: options[number] for number in (1, 2, 3)}),
    }
    assert all(isinstance(value, float) for value in found.values()), found
    for number in range(3):
        assert_alike(tmp_path / "alone" / str(number), tmp_path / str(number))


@pytest.mark.parametrize(("kind", "batch", "epochs"), [("cnn", 4, 1), ("dense", 5, 1), ("cnn", 8, 2), ("dense", 7, 2)])
def test_trials_that_were_told_to_end_in_an_evaluation_go_on(
    kind: str, batch: int, epochs: int, data: Path, tmp_path: Path
) -> None:
    common = (f"model={kind}", "data.eval_batch_size=70", "trainer.limit_train_batches=3")
    options = {number: (*common, f"seed={number}") for number in range(2)}
    measures: type[Any] = Stacked if kind == "dense" else Apart

    def cut() -> None:
        measures.add = _signalled_at(batch, measures.add)
        found = together(tmp_path, data, options)
        assert [getattr(error, "code", error) for error in found.values()] == [143] * 2

    assert in_fork(cut) == 0
    assert [final_state(tmp_path / str(number))["epoch"] + 1 for number in options] == [epochs] * 2
    found = together(tmp_path, data, options)
    for number, overrides in options.items():
        assert found[number] == alone(tmp_path / "alone" / str(number), data, *overrides)
        # Of an epoch that has ended Lightning forgets a step of the scheduler, and the score that it has saved last.
        forgotten = ("scheduler_progress", "current_score")
        assert_alike(tmp_path / "alone" / str(number), tmp_path / str(number), but=forgotten)


def _signalled_at(batch: int, add: Callable[..., None]) -> Callable[..., None]:
    """As `add`, and with the batch of this number, counted over all evaluations, comes SIGTERM."""
    batches = itertools.count(1)

    def signalled(*arguments: Any) -> None:
        add(*arguments)
        if next(batches) == batch:
            os.kill(os.getpid(), signal.SIGTERM)

    return signalled


def _cut_at(step: int, train_on: Callable[[Team, JointBatch], None]) -> Callable[[Team, JointBatch], None]:
    """As `train_on`, and behind the step with this number, counted over all epochs, comes SIGTERM."""
    steps = itertools.count(1)

    def cut(team: Team, batch: JointBatch) -> None:
        train_on(team, batch)
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return cut


def write_ages(path: Path, num_aux: int) -> None:
    """A data set with a head of classes, one of numbers and one of ranks."""
    generator = torch.Generator().manual_seed(0)

    def columns(num: int) -> dict[str, torch.Tensor]:
        images = torch.randint(0, 256, (num, 1, 8, 8), dtype=torch.uint8, generator=generator)
        pixels = images.flatten(1)
        kind, grade = (pixels[:, 0] > 128).long(), (pixels[:, 1].long() * 3) // 256
        aux = {"aux": pixels[:, 2:3].float() / 255} if num_aux else {}
        return {"image": images, "kind": kind, "age": pixels.float().mean(1) / 2.55, "grade": grade, **aux}

    targets = {"kind": Categorical(num_classes=2), "age": Continuous(low=0, high=100), "grade": Ordinal(num_classes=3)}
    spec = DataSpec(input_shape=(1, 8, 8), targets=targets, num_aux=num_aux)
    write(path, spec, {"train": columns(310), "test": columns(101)})


@pytest.mark.parametrize(
    ("options", "num_aux"),
    [(("model=cnn",), 1), (("model=mlp",), 0), (("model=dense", "model.net.dropout=0.2", "model/head=hidden"), 0)],
)
def test_a_head_of_numbers_ends_as_alone(options: tuple[str, ...], num_aux: int, tmp_path: Path) -> None:
    write_ages(tmp_path / "ages.pt", num_aux)
    common = ("data=multihead_files", f"data.source.path={tmp_path}/ages.pt", "data.batch_size=27")
    weights = ("model.loss_weights.age=0.1", "model.loss_weights.age=1", "seed=2")
    own = {number: (*common, *options, "data.eval_batch_size=40", each) for number, each in enumerate(weights)}
    assert_each_ends_as_alone(tmp_path, tmp_path, own)


@pytest.mark.parametrize(("test", "places"), [("true", ["test", "test"]), ("false", [])])
def test_a_network_is_not_moved_off_its_device_between_fit_and_test(
    test: str, places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    teardown = Strategy.teardown

    def noted(strategy: Strategy) -> None:
        moved.append(strategy.lightning_module.trainer.state.fn.value)  # type: ignore[union-attr]
        teardown(strategy)

    monkeypatch.setattr(Strategy, "teardown", noted)
    options = {number: ("trainer.max_epochs=1", f"test={test}", f"seed={number}") for number in range(2)}
    found = together(tmp_path, tmp_path, options)
    assert moved == places and all(isinstance(score, float) for score in found.values()), found
