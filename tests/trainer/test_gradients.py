"""Balancers that look at gradients: shared layers get the weighted sum, heads their own, as without Lightning."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchjd.aggregation import UPGrad as Aggregator
from torchjd.autojac import jac_to_grad, mtl_backward

from tests.quiet import QUIET
from trainer_pkg.losses.gradient_balancer import GradientBalancer
from trainer_pkg.losses.gradients import IMTLG, MGDA, AlignedMTL, CAGrad, PCGrad, UPGrad
from trainer_pkg.losses.gradnorm import GradNorm
from trainer_pkg.losses.mapped import Mapped
from trainer_pkg.losses.nash import NashMTL, bargain
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.convnext import ConvNeXt
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.efficientnet import EfficientNet
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.nets.resnet import ResNet
from trainer_pkg.nets.vit import ViT
from trainer_pkg.spec import Categorical, DataSpec

HEADS = ("digit", "thickness", "smoothness")
ALL = [PCGrad, MGDA, CAGrad, NashMTL, UPGrad, IMTLG, AlignedMTL, GradNorm]


def module_of(side: int = 4, kind: type[ImageModule] = ImageModule, **options: Any) -> ImageModule:
    torch.manual_seed(0)
    spec = DataSpec(input_shape=(1, side, side), targets={head: Categorical(num_classes=3) for head in HEADS})
    given = {"net": partial(MLP, dropout=0.0), "size": "tiny", "optimizer": partial(torch.optim.SGD, lr=0.1), **options}
    return kind(spec=spec, criterion=nn.CrossEntropyLoss(), number_criterion=Regression(), **given)


def batches(num: int, side: int = 4) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    labels = partial(torch.randint, 0, 3, (8,), generator=generator)
    return [
        {head: labels() for head in HEADS} | {"image": torch.randn(8, 1, side, side, generator=generator)}
        for _ in range(num)
    ]


def fit(module: ImageModule, num: int = 10, **options: Any) -> Trainer:
    loader: DataLoader[Any] = DataLoader(batches(num), batch_size=None)  # type: ignore[arg-type]
    trainer = Trainer(max_epochs=1, logger=False, **QUIET, **options)
    trainer.fit(module, loader, loader)
    return trainer


def gradients(module: ImageModule) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in module.network.named_parameters() if p.grad is not None}


def one_backward(module: ImageModule, side: int = 4) -> Tensor:
    """The weights of the heads."""
    [batch] = batches(1, side)
    module.backward(module.training_step(batch, 0))
    assert module.weights_used is not None
    return module.weights_used.compute()


@pytest.mark.parametrize("kind", ALL)
def test_shared_layers_get_the_weighted_sum_and_each_head_its_own_gradient(kind: type[GradientBalancer]) -> None:
    plain, balanced = module_of(), module_of(balancer=kind)
    [batch] = batches(1)
    weights_H = one_backward(balanced)
    expected = {name: torch.zeros_like(p) for name, p in plain.network.named_parameters()}
    named = dict(plain.network.named_parameters())
    for weight, loss in zip(weights_H, plain.losses_of(batch), strict=True):
        for name, found in zip(named, torch.autograd.grad(loss, named.values(), retain_graph=True), strict=True):
            expected[name] += found * (1.0 if name.startswith("heads") else weight)
    found = gradients(balanced)
    assert found.keys() == expected.keys() and torch.isfinite(weights_H).all() and weights_H.abs().sum() > 0.1
    for name in expected:
        assert torch.allclose(found[name], expected[name], atol=1e-6, rtol=1e-4), name


class Manual(ImageModule):
    """UPGrad as TorchJD's documentation writes it, under Lightning's manual optimisation."""

    automatic_optimization = False

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:  # type: ignore[override]
        optimizer = self.optimizers()
        features = self.network.adapter(self.network.backbone(batch["image"]))
        outputs = {head: layer(features) for head, layer in self.network.heads.items()}
        losses = [loss(outputs, batch) for loss in self.criteria.heads.values()]
        optimizer.zero_grad()  # type: ignore[union-attr]
        mtl_backward(losses, features=features)
        jac_to_grad([*self.network.backbone.parameters(), *self.network.adapter.parameters()], Aggregator())
        optimizer.step()  # type: ignore[union-attr]

    def on_train_epoch_end(self) -> None:
        """It measures nothing."""


def test_upgrad_in_the_hook_is_upgrad_in_manual_mode() -> None:
    adam: dict[str, Any] = {"optimizer": partial(torch.optim.Adam, lr=0.01)}
    before = module_of().network.state_dict()
    automatic, manual = module_of(balancer=UPGrad, **adam), module_of(kind=Manual, **adam)
    fit(automatic, num=30)
    fit(manual, num=30)
    for name, parameter in automatic.network.named_parameters():
        assert (parameter - manual.network.get_parameter(name)).abs().max() < 1e-6, name
        assert (parameter - before[name]).abs().max() > 1e-2, name


class Length(Callback):
    """The length of all gradients at each step, after clipping."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_before_zero_grad(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
        given = [p.grad for p in module.parameters() if p.grad is not None]
        if given:
            self.found.append(torch.cat([grad.flatten() for grad in given]).norm().item())


@pytest.mark.parametrize("kind", [PCGrad, UPGrad])
def test_gradients_are_clipped(kind: type[GradientBalancer]) -> None:
    free, clipped = Length(), Length()
    fit(module_of(balancer=kind), callbacks=[free])
    fit(module_of(balancer=kind), callbacks=[clipped], gradient_clip_val=0.05)
    assert len(free.found) == len(clipped.found) >= 9
    assert min(free.found) > 0.1 and clipped.found == pytest.approx([0.05] * len(clipped.found), rel=1e-4)


@pytest.mark.parametrize("kind", [PCGrad, NashMTL, GradNorm])
def test_a_head_of_weight_0_stays_as_it_is(kind: type[GradientBalancer]) -> None:
    module = module_of(balancer=kind, loss_weights={"thickness": 0.0, "smoothness": 0.5})
    before = {name: value.clone() for name, value in module.network.state_dict().items()}
    trainer = fit(module)
    moved = {name for name, value in module.network.state_dict().items() if not torch.equal(value, before[name])}
    assert {"heads.digit.weight", "heads.smoothness.weight"} < moved
    assert not [name for name in moved if "thickness" in name]
    logged = {name for name in trainer.callback_metrics if name.startswith("train/weight/")}
    assert logged == {"train/weight/digit", "train/weight/smoothness"}


def test_training_that_diverges_ends_in_losses_that_are_no_numbers() -> None:
    module = module_of(balancer=UPGrad, optimizer=partial(torch.optim.SGD, lr=1e30))
    trainer = fit(module)
    assert not torch.isfinite(trainer.callback_metrics["train/loss"])
    assert torch.isnan(trainer.callback_metrics["train/weight/digit"])


def test_heads_on_frozen_shared_layers_train_as_under_a_plain_sum() -> None:
    modules = module_of(balancer=PCGrad), module_of()
    for module in modules:
        module.network.backbone.requires_grad_(False)
        fit(module)
    one, other = (module.network.state_dict() for module in modules)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_may_read_the_outputs_of_another_head() -> None:
    both = Mapped(nn.MSELoss(), {"input": "outputs.digit", "target": "outputs.thickness"})
    module = module_of(balancer=PCGrad, criteria={"smoothness": both})
    one_backward(module)
    found = gradients(module)
    assert "heads.smoothness.weight" not in found
    [batch] = batches(1)
    plain = module_of(criteria={"smoothness": both})
    plain.losses_of(batch).sum().backward()
    for head in ("digit", "thickness"):
        name = f"heads.{head}.weight"
        assert torch.allclose(found[name], plain.network.get_parameter(name).grad, atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("net", [CNN, ConvNeXt, Dense, EfficientNet, MLP, ResNet, ViT])
def test_every_family_has_gradients_per_head(net: type[nn.Module]) -> None:
    module = module_of(side=32, net=net, size="tiny" if net is not ResNet else None, balancer=PCGrad)
    weights_H = one_backward(module, side=32)
    assert all(weight >= 1.0 for weight in weights_H.tolist())  # PCGrad adds to the weights of a sum
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.network.parameters())


@pytest.mark.parametrize("seed", range(5))
def test_nash_weights_solve_the_equation_of_the_bargain(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(4, 50, generator=generator, dtype=torch.float64) * torch.tensor([[1e-3], [1.0], [1.0], [1e3]])
    gramian = (rows @ rows.T).numpy()
    weights = bargain(gramian)
    assert (weights > 0).all()
    assert gramian @ weights * weights == pytest.approx([1.0] * 4, rel=1e-4)


def test_nash_weights_of_one_direction_or_of_none_are_finite() -> None:
    rows = torch.ones(3, 5, dtype=torch.float64)
    assert bargain((rows @ rows.T).numpy()) == pytest.approx([(1 / 15) ** 0.5] * 3, rel=1e-4)
    opposed = torch.stack([rows[0], -rows[0], 0 * rows[0]])
    assert torch.tensor(bargain((opposed @ opposed.T).numpy())).isfinite().all()


def test_gradnorm_at_alpha_0_makes_the_gradients_equally_long() -> None:
    loss = {"digit": Mapped(Tenfold(), {"input": "outputs.digit", "target": "batch.digit"})}
    optimizer = partial(torch.optim.Adam, lr=0.02)
    module = module_of(balancer=partial(GradNorm, alpha=0.0), criteria=loss, optimizer=optimizer)
    module.network.requires_grad_(True)
    [batch] = batches(1)
    adam = optimizer(module.balancer.parameters())
    lengths = []
    for _ in range(200):
        module.zero_grad()
        module.backward(module.training_step(batch, 0))
        weights_H = 3 * torch.softmax(module.balancer.logits_H, 0)  # type: ignore[arg-type]
        lengths.append([w * length for w, length in zip(weights_H.tolist(), lengths_of(module, batch), strict=True)])
        adam.step()
    assert max(lengths[0]) / min(lengths[0]) > 5
    assert max(lengths[-1]) / min(lengths[-1]) < 1.1
    assert weights_H.sum().item() == pytest.approx(3.0, rel=1e-5)


class Tenfold(nn.Module):
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return 10 * nn.functional.cross_entropy(input, target)


def lengths_of(module: ImageModule, batch: dict[str, Tensor]) -> list[float]:
    shared = list(module.network.backbone.parameters())
    grads = [torch.autograd.grad(loss, shared, retain_graph=True) for loss in module.losses_of(batch)]
    return [torch.cat([grad.flatten() for grad in of_head]).norm().item() for of_head in grads]
