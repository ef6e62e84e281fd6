"""Which epoch stands for a run, and that everything reported of the run is of that epoch."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist

from tests.conftest import REPOSITORY, Commands
from tests.invariants import study
from tests.trainer.runs import metrics, train
from tests.trainer.test_assemble import assembled
from tests.trainer.test_gradients import module_of
from trainer_pkg.checkpoint import AtomicCheckpointIO, DoesNotFit, check_fits, load
from trainer_pkg.data.baseline import constants
from trainer_pkg.errors import ConfigError
from trainer_pkg.models import register_models
from trainer_pkg.preflight.check import check
from trainer_pkg.preflight.swept import SweptWeights
from trainer_pkg.preflight.values import other_epoch
from trainer_pkg.selection import Selection
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal, Target
from trainer_pkg.trusted import WHITELIST

HEADS: dict[str, Target] = {
    "digit": Categorical(num_classes=10),
    "grade": Ordinal(num_classes=5),
    "age": Continuous(low=0.0, high=90.0),
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def scores(selection: Selection, *epochs: tuple[list[float], list[float]]) -> list[tuple[float, float, float]]:
    """Score, best score and its epoch, after each epoch of accuracies and errors."""
    found = []
    for epoch, (acc, mae) in enumerate(epochs, start=1):
        told = selection.update({"acc": torch.tensor(acc), "mae": torch.tensor(mae)}, epoch)
        assert list(told) == ["val/score", "val/score_best", "val/selected_epoch"]
        found.append(tuple(round(value.item(), 6) for value in told.values()))
    return found  # type: ignore[return-value]


def test_a_skill_is_the_accuracy_or_what_is_gained_on_the_constant() -> None:
    selection = Selection("auto", HEADS, list(HEADS))
    selection.compare_with({"age": 20.0})
    # (0.9 + 0.6 + 0.5) / 3; the error of ordered classes does not count.
    assert scores(selection, ([0.9, 0.6, 0.0], [0.0, 9.0, 10.0])) == [(0.666667, 0.666667, 1.0)]
    worse = Selection("age", HEADS, list(HEADS))
    worse.compare_with({"age": 20.0})
    assert scores(worse, ([0.9, 0.6, 0.0], [0.0, 0.0, 30.0])) == [(-0.5, -0.5, 1.0)]


def test_a_constant_without_an_error_leaves_the_range_of_the_target() -> None:
    selection = Selection("age", HEADS, list(HEADS))
    selection.compare_with({"age": 0.0})
    assert scores(selection, ([0, 0, 0], [0, 0, 9.0])) == [(0.9, 0.9, 1.0)]


def test_the_earlier_of_two_equal_epochs_counts_and_no_number_is_never_better() -> None:
    selection = Selection("auto", HEADS, ["grade"])
    epochs = [([acc], [0.0]) for acc in (0.5, 0.75, 0.75, math.nan, 0.25)]
    assert [told[1:] for told in scores(selection, *epochs)] == [(0.5, 1), (0.75, 2), (0.75, 2), (0.75, 2), (0.75, 2)]


@pytest.mark.parametrize(
    ("rule", "trained", "expected"),
    [
        ("auto", ["digit", "grade"], 0.7),
        ("auto", ["grade"], 0.6),
        ("mean", ["digit", "grade", "age"], 0.6),
        ("mean", ["digit"], 0.35),
        ("mean", ["grade", "age"], 0.366667),
        ("grade", ["digit", "grade", "age"], 0.6),
        ("digit", ["digit", "age"], 0.8),
    ],
)
def test_the_rule_says_whose_skill_counts(rule: str, trained: list[str], expected: float) -> None:
    selection = Selection(rule, HEADS, trained)
    selection.compare_with({"age": 10.0, "digit": 0.1, "grade": 0.25})
    known = {"digit": (0.8, 0.0), "grade": (0.6, 1.0), "age": (0.0, 6.0)}
    acc, mae = ([known[head][i] for head in trained] for i in (0, 1))
    assert scores(selection, (acc, mae)) == [(expected, expected, 1.0)]


@pytest.mark.parametrize(
    ("rule", "parts"),
    [("auto", ["thickness", "smoothness"]), ("thickness", ["thickness"]), ("mean", None)],
    ids=["auto", "one head", "mean"],
)
def test_a_score_says_which_heads_it_is_a_mean_of_unless_it_is_of_all(rule: str, parts: list[str] | None) -> None:
    module = module_of(select=rule, loss_weights={"digit": 0.0})
    named = [f"val/{head}_acc" for head in parts or ()]
    assert module.metric_means == ({} if parts is None else {"val/score": named, "val/score_best": named})


def test_an_epoch_is_never_selected_by_one_head_that_is_not_trained() -> None:
    expected = (
        r"^model\.select=age: age has weight 0, so it is not trained\. model\.select=auto takes the mean of the"
        r" trained heads: digit, grade\.$"
    )
    with pytest.raises(ConfigError, match=expected):
        Selection("age", HEADS, ["digit", "grade"])


def test_the_constant_is_an_answer_of_the_training_and_measured_on_the_validation() -> None:
    labels = {"age": torch.tensor([10.0, 20.0, 90.0, 30.0, 10.0]), "digit": torch.tensor([7, 7, 3, 7, 3])}
    spec = DataSpec(input_shape=(1, 1, 1), targets={"age": HEADS["age"], "digit": HEADS["digit"]})
    found = constants(labels, torch.tensor([0, 1, 2]), torch.tensor([3, 4]), spec)
    assert found == {"age": 10.0, "digit": 0.5}


def curve(folder: Path, name: str) -> list[float]:
    return [
        value for (metric, _), value in sorted(metrics(folder).items(), key=lambda one: one[0][1]) if metric == name
    ]


def test_the_objective_is_the_value_at_the_epoch_of_the_checkpoint(tmp_path: Path) -> None:
    weights = ("model.loss_weights.digit=0", "model.loss_weights.smoothness=0", "data/labels=measured")
    options = ("model.size=tiny", "trainer.max_epochs=5", "model.optimizer.lr=0.1", *weights)
    names = "study.objective=[val/thickness_acc,val/thickness_mae,train/loss,val/score_best]"
    run = tmp_path / "run"
    acc, mae, loss, score = train(run, tmp_path / "data", *options, names)  # type: ignore[misc]
    of_epochs = curve(run, "val/thickness_acc")
    best = of_epochs.index(max(of_epochs))
    assert best < 4, "the last epoch would tell nothing"
    kept = load(run / "checkpoints" / "best.ckpt")
    assert (kept["epoch"], kept["metrics"]["val/selected_epoch"]) == (best, best + 1)
    assert acc == score == of_epochs[best] and mae == curve(run, "val/thickness_mae")[best]
    assert loss == curve(run, "train/loss")[best]
    assert curve(run, "val/score_best")[-1] == acc and curve(run, "val/selected_epoch")[-1] == best + 1
    assert not any("digit" in name or "mean_acc" in name for name, _ in metrics(run))


def of_earlier(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a module as the version before kept it."""
    kept = {name: value for name, value in state.items() if not name.startswith("selection.")}
    of_all_heads = {name: torch.zeros(3) for name in kept if name.startswith("stage_metrics.") and name.endswith("_H")}
    return {**kept, **of_all_heads, "best": torch.tensor(0.99)}


def test_a_checkpoint_of_an_earlier_version_can_be_tested_but_not_trained_on(tmp_path: Path) -> None:
    options = ("data=multihead_digits", "model.loss_weights.digit=0", "trainer.max_epochs=1")
    made = assembled(tmp_path, *options, "trainer.limit_train_batches=2")
    from trainer_pkg.run import train as fit

    tested = fit(made.data, made.module, made.trainer)
    path = tmp_path / "earlier.ckpt"
    kept = load(tmp_path / "run" / "checkpoints" / "best.ckpt")
    AtomicCheckpointIO().save_checkpoint({**kept, "state_dict": of_earlier(kept["state_dict"])}, path)
    again = assembled(tmp_path, *options)
    check_fits(path, again.module)
    found = fit(again.data, again.module, again.trainer, path, fit=False)
    assert found == {name: value for name, value in tested.items() if name.startswith("test/")}
    assert again.module.selection.best == -math.inf
    with pytest.raises(
        DoesNotFit, match=r"earlier\.ckpt is of an earlier version, .*: it can be tested \(train=false\)"
    ):
        check_fits(path, again.module, to_train=True)


@pytest.mark.parametrize(
    ("weights", "objective", "told"),
    [
        ([0.1, 1], "val/loss", "the smallest weights win by their size"),
        ([0.1, 1], "[val/score_best,train/loss]", "Warning: study.objective=train/loss: model.loss_weights is swept"),
        ([0, 1], "val/score_best", "compare it only between trials that train the same heads"),
        ([0.1, 1], "val/score_best", ""),
        ([0.1, 1], "val/thickness_loss", ""),
        ([0.5, 0.5], "val/loss", ""),
    ],
)
def test_a_sweep_of_weights_is_warned_of_an_objective_that_follows_them(
    weights: list[float], objective: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register_models()
    seen = SweptWeights()
    with initialize_config_dir(str(REPOSITORY / "configs")):
        for weight in (*weights, weights[-1]):
            given = [f"model.loss_weights.thickness={weight}", f"study.objective={objective}"]
            seen.look(compose("train", overrides=["data=multihead_digits", *given]))
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == bool(told)


@pytest.mark.parametrize(("rule", "told"), [("auto", "model.select=mean scores all heads."), ("mean", "")])
def test_a_score_of_all_heads_is_warned_of_by_nobody(rule: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    register_models()
    seen = SweptWeights()
    with initialize_config_dir(str(REPOSITORY / "configs")):
        for weight in (0, 1):
            given = [f"model.loss_weights.thickness={weight}", f"model.select={rule}"]
            seen.look(compose("train", overrides=["data=multihead_digits", *given]))
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == bool(told)


@pytest.mark.parametrize(
    ("options", "is_told"),
    [
        ([], False),
        (["study.objective=val/acc", "callbacks.best=null"], False),
        (["callbacks.best.monitor=val/loss", "callbacks.best.mode=min", "study.objective=val/score"], False),
        (["callbacks.best.monitor=val/loss", "callbacks.best.mode=min"], True),
        (["+callbacks.best.every_n_epochs=2"], True),
        (["callbacks.best=null"], True),
    ],
)
def test_an_objective_of_another_epoch_than_the_one_that_is_kept_is_told(options: list[str], is_told: bool) -> None:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")):
        told = other_epoch(compose("train", overrides=options))
    assert (told is not None and "study.objective=val/score is of the epoch that is." in told) == is_told


def test_a_metric_of_a_head_of_weight_0_is_refused_with_the_reason(tmp_path: Path) -> None:
    register_models()
    given = ["data=multihead_digits", f"paths.data_dir={tmp_path}", "model.loss_weights.digit=0"]
    expected = r"^No head reports val/mean_acc .*\. Heads of weight 0 are not trained: digit\. Reported"
    with (
        initialize_config_dir(str(REPOSITORY / "configs")),
        execution_whitelist(WHITELIST),
        pytest.raises(ConfigError, match=expected),
    ):
        check(compose("train", overrides=[*given, "study.objective=val/mean_acc"]))


@pytest.mark.slow
def test_a_study_of_one_head_tests_the_best_epoch_of_that_head(commands: Commands) -> None:
    weights = "model.loss_weights={digit: 0, thickness: 1, smoothness: 0}"
    line = ("data=multihead_digits", "data/labels=measured", weights, "study.replicates=3", "trainer.max_epochs=12")
    done = commands.run("train", "-m", *line, "study.name=one", "tracking.uri=null")
    assert done.returncode == 0, done.stderr
    trials = study(commands, "one", f"sqlite:///{commands.folder}/logs/studies/studies.db").trials()
    assert len(trials) == 3
    for trial in trials:
        folder = commands.folder / "logs" / "studies" / "one" / "trials" / f"{trial.number:03d}"
        of_epochs = curve(folder, "val/thickness_acc")
        best = of_epochs.index(max(of_epochs))
        kept = load(folder / "checkpoints" / "best.ckpt")
        assert len(of_epochs) == 12 and kept["epoch"] == best
        outcome = trial.outcome
        assert outcome is not None and outcome.values == (of_epochs[best],)  # type: ignore[union-attr]
        for name, value in outcome.metrics.items():
            if name.startswith("val/"):
                assert value == curve(folder, name)[best] == kept["metrics"][name], name
        assert outcome.metrics["val/selected_epoch"] == best + 1 and outcome.metrics["epoch"] == 12
    shown = ("--metric", "val/thickness_acc", "--metric", "test/thickness_acc")
    table = commands.run("sweeps", "table", "one", *shown, "--format", "csv")
    assert "digit_acc" not in table.stdout and table.returncode == 0
    (row,) = csv.DictReader(table.stdout.splitlines())
    values = [trial.outcome.metrics["val/thickness_acc"] for trial in trials if trial.outcome]
    assert float(row["val/thickness_acc"]) == pytest.approx(sum(values) / 3, abs=1e-12)
