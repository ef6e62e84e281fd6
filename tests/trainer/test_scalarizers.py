"""Balancers that make one number of the losses: their formulas, weights, state, and what they leave alone."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torchjd.scalarization import DWA as OfTorchJD
from torchjd.scalarization import STCH as SmoothMaximum

from tests.trainer.test_gradients import HEADS, batches, fit, module_of
from trainer_pkg.losses.balancers import Balancer
from trainer_pkg.losses.scalarizers import DWA, FAMO, GLS, IMTLL, STCH, UW, Random
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.cnn import CNN

ALL = [UW, DWA, Random, FAMO, GLS, IMTLL, STCH]
WEIGHTS = dict.fromkeys(HEADS, 1.0)


@pytest.mark.parametrize("kind", ALL)
def test_the_weights_are_the_derivatives_of_what_is_differentiated(kind: Callable[..., Balancer]) -> None:
    module = module_of(balancer=kind)
    [batch] = batches(1)
    losses_H = module.losses_of(batch).detach().double()
    torch.manual_seed(5)
    module.backward(module.training_step(batch, 0))
    found_H = module.weights_used.compute()  # type: ignore[union-attr]
    balancer = module.balancer.double()
    step = 1e-6 * torch.eye(len(HEADS), dtype=torch.float64)
    for i in range(len(HEADS)):
        ends = []
        for losses in (losses_H + step[i], losses_H - step[i]):
            torch.manual_seed(5)
            ends.append(balancer(losses).item())
        if kind not in (Random, FAMO):  # float64 draws other numbers; FAMO takes its divisor for a constant
            assert found_H[i].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3)
    assert all(weight > 0 for weight in found_H.tolist())
    if kind is FAMO:
        assert found_H.tolist() == pytest.approx(((1 / losses_H) / (1 / losses_H).sum()).tolist(), rel=1e-4)
    expected = {UW: 1.5, DWA: 3.0, Random: 1.0, IMTLL: 3.0}
    assert found_H.sum().item() == pytest.approx(expected.get(kind, found_H.sum().item()), rel=1e-5)  # type: ignore[arg-type]


def test_the_weights_are_those_of_a_whole_batch_where_batches_are_accumulated() -> None:
    for num in (1, 5):
        trainer = fit(module_of(balancer=DWA), accumulate_grad_batches=num)
        assert [trainer.callback_metrics[f"train/weight/{head}"].item() for head in HEADS] == pytest.approx([1.0] * 3)


def test_dwa_weighs_as_torchjd_does() -> None:
    ours, theirs = DWA(WEIGHTS, temperature=0.5), OfTorchJD(temperature=0.5)
    generator = torch.Generator().manual_seed(0)
    for epoch in range(6):
        losses_H = torch.rand(3, generator=generator) + 0.1
        assert ours(losses_H).item() == pytest.approx(theirs(losses_H).item(), rel=1e-6)
        assert epoch < 2 or not torch.allclose(ours.weights_H, torch.ones(3), atol=0.01)
        ours.after_epoch(losses_H)
        theirs.step()


@pytest.mark.parametrize("mu", [0.01, 0.1, 1.0])
def test_stch_is_torchjds_with_its_gradient(mu: float) -> None:
    for values in ([0.3, 1.2, 0.7], [0.0, 40.0, 1e4]):
        pairs = []
        for balancer in (STCH(WEIGHTS, mu), SmoothMaximum(mu)):
            losses_H = torch.tensor(values, requires_grad=True)
            total = balancer(losses_H)
            total.backward()
            pairs.append([total.item(), *losses_H.grad.tolist()])  # type: ignore[union-attr]
        assert pairs[0] == pytest.approx(pairs[1], rel=1e-5, abs=1e-30)


def test_a_loss_of_exactly_0_leaves_gls_its_gradients() -> None:
    losses_H = torch.tensor([0.0, 2.0, 1.0], requires_grad=True)
    GLS(WEIGHTS)(losses_H).backward()
    assert losses_H.grad is not None and losses_H.grad.isfinite().all()


class Blind(FAMO):
    """FAMO that does not look again."""

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        pass


def test_the_second_pass_of_famo_leaves_the_statistics_of_batch_norm_alone() -> None:
    def trained(kind: type[FAMO]) -> dict[str, Tensor]:
        module = module_of(side=16, net=partial(CNN, dropout=0.0), balancer=partial(kind, lr=0.0, weight_decay=0.0))
        loader = torch.utils.data.DataLoader(batches(10, side=16), batch_size=None)  # type: ignore[arg-type,var-annotated]
        trainer = Trainer(max_epochs=1, logger=False, accelerator="cpu", enable_checkpointing=False, barebones=False,
                          enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
        trainer.fit(module, loader, loader)
        return {name: value for name, value in module.state_dict().items() if name.startswith("network")}

    looked, blind = trained(FAMO), trained(Blind)
    statistics = [name for name in looked if "running" in name or "num_batches" in name]
    assert len(statistics) >= 6
    assert all(torch.equal(looked[name], blind[name]) for name in looked)
    assert {looked[name].item() for name in statistics if "num_batches" in name} == {10}


def test_famo_moves_its_weights_once_per_step_of_the_optimizer() -> None:
    module = module_of(balancer=FAMO)
    fit(module, num=10, accumulate_grad_batches=5)
    [state] = module.balancer.get_extra_state()["state"].values()  # type: ignore[operator]
    assert state["step"].item() == 2
    assert not torch.equal(module.balancer.scalarizer._w, torch.zeros(3))  # type: ignore[arg-type,union-attr]


def test_only_the_trained_heads_are_balanced(capsys: pytest.CaptureFixture[str]) -> None:
    module: ImageModule = module_of(balancer=UW, loss_weights={"thickness": 0.0})
    before = module.network.heads["thickness"].weight.clone()  # type: ignore[union-attr,operator]
    trainer = fit(module)
    assert torch.equal(module.network.heads["thickness"].weight, before)  # type: ignore[union-attr,arg-type]
    assert module.balancer.scalarizer.log_var.shape == (2,)  # type: ignore[union-attr]
    logged = {name for name in trainer.callback_metrics if name.startswith("train/weight/")}
    assert logged == {"train/weight/digit", "train/weight/smoothness"}
