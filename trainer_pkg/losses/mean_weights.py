"""What a balancer has made of the losses, over an epoch."""

import torch
from torch import Tensor, nn


class MeanWeights(nn.Module):
    """The mean weight of each head over the steps since the last reset.

    A weight is the derivative of what is differentiated by the loss of the head: the factor with which a step follows
    that loss, whatever the balancer's formula.

    Args:
        num_heads: Number of trained heads, H.

    Example:
        >>> weights = MeanWeights(2)
        >>> losses_H = torch.tensor([0.5, 2.0], requires_grad=True)
        >>> product = losses_H.prod()
        >>> weights.watch(losses_H, product)
        >>> product.backward()
        >>> weights.compute().tolist()
        [2.0, 0.5]
    """

    sum_H: Tensor
    num_steps: Tensor

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self.register_buffer("sum_H", torch.zeros(num_heads))
        self.register_buffer("num_steps", torch.tensor(0))

    def watch(self, losses_H: Tensor, total: Tensor) -> None:
        """Add the derivative of the total, (), by the losses (H,) once it is known, in the backward pass."""
        scale: list[Tensor] = []  # of accumulated batches, or of a loss scaler
        total.register_hook(scale.append)  # type: ignore[no-untyped-call]
        losses_H.register_hook(lambda gradient_H: self.add(gradient_H / scale[0]))  # type: ignore[no-untyped-call]

    def add(self, weights_H: Tensor) -> None:
        """Add the weights of a step, (H,)."""
        self.sum_H += weights_H
        self.num_steps += 1

    def compute(self) -> Tensor:
        """The mean weights, (H,); NaN where there was no step. The count begins anew."""
        means_H = self.sum_H / self.num_steps
        self.sum_H.zero_()
        self.num_steps.zero_()
        return means_H
