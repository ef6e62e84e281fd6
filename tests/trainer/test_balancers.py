"""A balancer is one class and one file; losses and balancers may learn, and `loss` keeps the fixed weights."""

import gc
import signal
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from tests.conftest import REPOSITORY
from tests.quiet import QUIET
from tests.trainer.runs import BATCHES, EPOCHS, LAST, assert_continues, assert_equal, final_state, metrics, train
from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.balancers import Balancer, FixedWeights
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.models import register_models
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.preflight.check import check
from trainer_pkg.spec import Categorical, DataSpec
from trainer_pkg.trusted import WHITELIST

HEADS = ("digit", "thickness", "smoothness")
SMALL = ("model=dense", "model.size=tiny", "model.net.dropout=0.3")


class Uncertainty(Balancer):
    """Kendall et al. 2018, and it remembers what the hooks tell it."""

    losses_of_epoch_H: Tensor
    losses_after_step_H: Tensor
    num_steps: Tensor

    def __init__(self, weights: Mapping[str, float], start: float = 0.0) -> None:
        super().__init__(weights)
        self.log_variances_H = nn.Parameter(torch.full((len(weights),), start))
        for name in ("losses_of_epoch_H", "losses_after_step_H"):
            self.register_buffer(name, torch.zeros(len(weights)))
        self.register_buffer("num_steps", torch.tensor(0))

    def forward(self, losses_H: Tensor) -> Tensor:
        # What the hooks remember must matter, or a resumption that loses it would go unnoticed.
        share_H = 1 + 0.1 * self.losses_of_epoch_H.tanh() + 0.1 * self.losses_after_step_H.tanh()
        return (share_H * losses_H * torch.exp(-self.log_variances_H) + self.log_variances_H).sum()

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        self.num_steps += 1
        if self.num_steps % 3 == 0:
            self.losses_after_step_H.copy_(losses_again())

    def after_epoch(self, losses_H: Tensor) -> None:
        self.losses_of_epoch_H.copy_(losses_H)


class Tempered(nn.Module):
    """Cross entropy with a temperature that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(0.0))

    def forward(self, outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs_BK * self.log_temperature.exp(), labels_B)


class NoNumber(Balancer):
    def forward(self, losses_H: Tensor) -> Tensor:
        return losses_H


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def uncertainty(tmp_path: Path) -> str:
    """The override that chooses it, from a folder of configurations of its own."""
    file = tmp_path / "configs" / "model" / "balancer" / "uncertainty.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("_target_: tests.trainer.test_balancers.Uncertainty\n_partial_: true\nstart: 0.1\n")
    return f"hydra.searchpath=[file://{tmp_path}/configs] model/balancer=uncertainty"


def test_a_balancer_learns_and_the_loss_that_is_logged_keeps_the_fixed_weights(
    uncertainty: str, tmp_path: Path
) -> None:
    weights = {"digit": 1.0, "thickness": 0.25, "smoothness": 3.0}
    given = [f"model.loss_weights.{head}={weight}" for head, weight in weights.items()]
    train(tmp_path / "run", tmp_path / "data", *SMALL, *given, *uncertainty.split())
    state = final_state(tmp_path / "run")
    learned = state["state_dict"]["balancer.log_variances_H"]
    assert learned.shape == (3,) and not torch.any(learned == 0.1)
    assert state["state_dict"]["balancer.num_steps"] == LAST
    found = metrics(tmp_path / "run")
    for stage, step in [(stage, epoch * BATCHES - 1) for stage in ("train", "val") for epoch in range(1, EPOCHS + 1)]:
        total = sum(weight * found[f"{stage}/{head}_loss", step] for head, weight in weights.items())
        assert found[f"{stage}/loss", step] == pytest.approx(total, rel=1e-6)
    remembered = state["state_dict"]["balancer.losses_of_epoch_H"]
    assert remembered.tolist() == [found[f"train/{head}_loss", LAST - 1] for head in HEADS]
    assert state["config"]["model"]["balancer"]["start"] == 0.1


def test_the_fixed_weights_by_name_are_what_trains_without_a_name(tmp_path: Path) -> None:
    for name, options in (("plain", ("model/balancer=none",)), ("named", ("model/balancer=fixed",))):
        train(tmp_path / name, tmp_path / "data", *SMALL, "model.loss_weights.thickness=0.25", *options)
    plain, named = (final_state(tmp_path / name) for name in ("plain", "named"))
    for key in ("state_dict", "optimizer_states", "lr_schedulers"):
        assert_equal(plain[key], named[key], key)
    assert metrics(tmp_path / "plain") == metrics(tmp_path / "named")
    assert "balancer" not in plain["config"]["model"] and "balancer" in named["config"]["model"]


@pytest.mark.parametrize(
    ("learns", "how"),
    [
        ("balancer", signal.SIGTERM),
        pytest.param("balancer", signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("criterion", signal.SIGTERM, marks=pytest.mark.slow),
        ("criterion", signal.SIGKILL),
    ],
)
def test_what_a_balancer_or_a_loss_has_learned_continues_bit_for_bit(
    learns: str, how: signal.Signals, uncertainty: str, tmp_path: Path
) -> None:
    tempered = ("+model.criteria.digit._target_=tests.trainer.test_balancers.Tempered",)
    options = tuple(uncertainty.split()) if learns == "balancer" else tempered
    # In the middle of an epoch, at its end, and just behind it.
    assert_continues(tmp_path, (*SMALL, *options), {BATCHES - 5, BATCHES, BATCHES + 1}, how)


def test_a_loss_with_a_parameter_is_trained_and_is_in_the_checkpoint(tmp_path: Path) -> None:
    tempered = "+model.criteria.digit._target_=tests.trainer.test_balancers.Tempered"
    train(tmp_path / "run", tmp_path / "data", *SMALL, tempered)
    state = final_state(tmp_path / "run")
    [name] = [name for name in state["state_dict"] if name.endswith("log_temperature")]
    assert state["state_dict"][name].item() != 0.0
    [optimizer] = state["optimizer_states"]
    learned = [name for name in state["state_dict"] if name.endswith((".weight", ".bias", "log_temperature"))]
    assert len(optimizer["state"]) == len(learned)


def module_of(**options: object) -> ImageModule:
    given = {"criterion": nn.CrossEntropyLoss(), "number_criterion": Regression(), "net": Dense, **options}
    spec = DataSpec(input_shape=(1, 4, 4), targets={head: Categorical(num_classes=3) for head in HEADS})
    return ImageModule(spec=spec, size="tiny", optimizer=torch.optim.Adam, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("balancer", [FixedWeights, None])
def test_without_parameters_of_losses_the_optimizer_has_those_of_the_network_in_their_order(balancer: object) -> None:
    module = module_of(**({} if balancer is None else {"balancer": balancer}))
    [group] = module.configure_optimizers().param_groups
    network = list(module.network.parameters())
    assert len(group["params"]) == len(network) > 10
    assert all(one is other for one, other in zip(group["params"], network, strict=True))
    assert not [name for name in module.state_dict() if name.startswith(("balancer", "criteria"))]


def test_every_parameter_is_in_the_optimizer_once_also_of_a_loss_that_heads_share() -> None:
    module = module_of(criterion=Tempered(), balancer=Uncertainty)
    [group] = module.configure_optimizers().param_groups
    assert len(group["params"]) == len(list(module.network.parameters())) + 2
    assert {id(parameter) for parameter in group["params"]} == {id(parameter) for parameter in module.parameters()}
    assert module.num_parameters == sum(parameter.numel() for parameter in group["params"])


class Asking(Balancer):
    """Keeps what `losses_again` gives, and the losses of the step before."""

    def forward(self, losses_H: Tensor) -> Tensor:
        self.before_H = losses_H.detach()
        return losses_H.sum()

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        self.again_H = losses_again()


def test_the_losses_after_a_step_leave_no_trace(tmp_path: Path) -> None:
    asking = "+model.balancer={_target_: tests.trainer.test_balancers.Asking, _partial_: true}"
    for name, options in (("plain", ()), ("asked", (asking,))):
        # Without dropout: a second pass draws from the same generator.
        train(tmp_path / name, tmp_path / "data", "model=dense", "model.size=tiny", "model.net.dropout=0.0", *options)
    asked, plain = (final_state(tmp_path / name) for name in ("asked", "plain"))
    assert any("running_var" in name for name in plain["state_dict"])
    # What else a balancer leaves are its weights, here those of a plain sum.
    of_weights = {name: asked["state_dict"].pop(name) for name in list(asked["state_dict"]) if "weights_used" in name}
    assert len(of_weights) == 2
    for key in ("state_dict", "optimizer_states"):
        assert_equal(plain[key], asked[key], key)
    found = metrics(tmp_path / "asked")
    weights = {name: found.pop(name) for name in list(found) if name[0].startswith("train/weight/")}
    assert len(weights) == EPOCHS * len(HEADS) and set(weights.values()) == {1.0}
    assert metrics(tmp_path / "plain") == found


def test_the_losses_after_a_step_are_those_of_its_batch_under_the_new_parameters() -> None:
    module = module_of(balancer=Asking, net=partial(MLP, dropout=0.0))
    batch = {head: torch.tensor([0, 1, 2, 0]) for head in HEADS} | {"image": torch.randn(4, 1, 4, 4)}
    trainer = Trainer(
        max_steps=1,
        logger=False,
        **QUIET,
    )
    loader: DataLoader[object] = DataLoader([batch], batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module, loader, loader)
    with torch.no_grad():
        expected_H = module.criteria(module(batch["image"]), batch)
    assert torch.equal(module.balancer.again_H, expected_H)  # type: ignore[arg-type]
    assert not torch.equal(module.balancer.before_H, expected_H)  # type: ignore[arg-type]


class Looks(Callback):
    """Looks, as a validation begins, whether the batch that was trained on last is still there."""

    def on_train_batch_end(self, trainer: Trainer, module: object, outputs: object, batch: Any, *args: object) -> None:
        self.image = weakref.ref(batch["image"])

    def on_validation_start(self, *args: object) -> None:
        gc.collect()
        self.has_found = self.image() is not None


def test_a_batch_that_was_trained_on_is_gone_before_a_validation() -> None:
    class Fresh(Dataset[object]):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> object:
            return {head: torch.tensor([0, 1, 2, 0]) for head in HEADS} | {"image": torch.randn(4, 1, 4, 4)}

    looks, loader = Looks(), DataLoader(Fresh(), batch_size=None)
    Trainer(max_steps=1, num_sanity_val_steps=0, logger=False, callbacks=[looks], **QUIET).fit(
        module_of(balancer=Asking), loader, loader
    )
    assert not looks.has_found


def test_a_balancer_that_makes_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trainer_pkg.trusted.WHITELIST", (*WHITELIST, "tests.*"))
    register_models()
    balancer = "+model.balancer={_target_: tests.trainer.test_balancers.NoNumber, _partial_: true}"
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist([*WHITELIST, "tests.*"]):
        cfg = compose("train", overrides=["data=multihead_digits", f"paths.data_dir={tmp_path}/data", balancer])
        with pytest.raises(ConfigError, match=r"model\.balancer makes \(3,\) of \(3,\) losses; one number, \(\)"):
            check(cfg)
