"""The part of a training step that a balancer decides: what is differentiated, and how."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.func import functional_call

from trainer_pkg.epoch_results import log_epoch
from trainer_pkg.losses.balancers import Balancer, BalancerFactory, FixedWeights
from trainer_pkg.losses.criteria import WeightedCriteria
from trainer_pkg.losses.gradient_balancer import GradientBalancer
from trainer_pkg.losses.mean_weights import MeanWeights
from trainer_pkg.nets.heads import MultiheadNetwork
from trainer_pkg.spec import Batch


class BalancedModule(LightningModule):
    """Trains `network` on the losses of `criteria` as its balancer says; heads of weight 0 are not trained.

    Attributes:
        balancer: Sees the losses of the trained heads alone.
        weights_used: What it has made of them in this epoch; None with fixed weights.
    """

    network: MultiheadNetwork
    criteria: WeightedCriteria
    balancer: Balancer
    weights_used: MeanWeights | None

    def balance_by(self, factory: BalancerFactory) -> None:
        """Make the balancer, once network and criteria are there."""
        self.balancer = factory(self.criteria.weights)
        is_fixed = isinstance(self.balancer, FixedWeights)
        self.weights_used = None if is_fixed else MeanWeights(len(self.criteria.weights))
        self._batch: Batch = {}
        self._watched: list[Tensor] = []

    def losses_of(self, batch: Batch) -> Tensor:
        """The loss of each trained head, (H,), on a batch to train on."""
        raise TypeError(f"{type(self).__name__} does not define losses_of")

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self._batch = batch
        if not isinstance(self.balancer, GradientBalancer):
            losses_H = self.losses_of(batch)
            total: Tensor = self.balancer(losses_H)
            if self.weights_used is not None:
                self.weights_used.watch(losses_H, total)
            return total
        heads = [self.criteria.heads[head] for head in self.criteria.weights]
        with _outputs_of([self.network.adapter, *heads]) as self._watched:
            sum_of_losses: Tensor = self.balancer(self.losses_of(batch))
        return sum_of_losses

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        features, *losses = self._watched or (loss,)
        self._watched = []
        if isinstance(self.balancer, GradientBalancer) and losses and features.requires_grad:
            weights_H = self.balancer.backward(losses, features, self.network.parameters())
            assert self.weights_used is not None
            self.weights_used.add(weights_H)
        else:  # or the shared layers are frozen
            super().backward(loss, *args, **kwargs)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        # Here, and not behind the batch: callbacks that save a checkpoint behind the batch come first there.
        batch, self._batch = self._batch, {}  # it may be large, and a validation comes before the next one
        self.balancer.after_step(partial(self._losses_again, batch))

    def balance_after_epoch(self, losses_H: Tensor) -> None:
        """Tell the balancer the mean losses of the epoch, (H,), and log `train/weight/HEAD`."""
        self.balancer.after_epoch(losses_H)
        if self.weights_used is not None:
            means = zip(self.criteria.weights, self.weights_used.compute(), strict=True)
            log_epoch(self, {f"train/weight/{head}": weight for head, weight in means})

    def _losses_again(self, batch: Batch) -> Tensor:
        """The loss of each trained head on a batch that was trained on, with the parameters as they are now."""
        # Running statistics, of BatchNorm for instance, are kept in buffers: this pass may change copies alone.
        copies = {name: buffer.clone() for name, buffer in self.named_buffers()}
        with torch.no_grad(), self.trainer.precision_plugin.forward_context():
            outputs = functional_call(self, copies, (batch["image"], batch.get("aux")))
            losses_H: Tensor = self.criteria(outputs, batch)
        return losses_H


@contextmanager
def _outputs_of(modules: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """What modules give in the meantime, in the order of their calls."""
    outputs: list[Tensor] = []
    keep: Callable[..., None] = lambda module, inputs, output: outputs.append(output)  # noqa: E731
    handles = [module.register_forward_hook(keep) for module in modules]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
