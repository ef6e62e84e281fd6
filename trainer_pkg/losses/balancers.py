"""How the losses of the heads become the one number that is differentiated.

What is logged as `loss` is another thing: always the sum with the fixed weights of `model.loss_weights`, so that a
learning-rate schedule, early stopping and the comparison of two trials do not depend on the balancer.

A balancer is one class, in a module of this folder or of your own project, and one file in `configs/model/balancer/`:

    # uncertainty.yaml; train model/balancer=uncertainty
    _target_: my_package.balancers.Uncertainty
    _partial_: true
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


class Balancer(nn.Module):
    """Maps the losses of the heads (H,) to the scalar that is differentiated, ().

    The optimizer trains a balancer's parameters with the network's. Whatever else a balancer remembers belongs in
    buffers: parameters and buffers are in every checkpoint, so that an interrupted run continues exactly.

    Args:
        weights: Head name to its fixed weight, for every head, in the order of the losses.

    Example:
        Uncertainty weighting (Kendall et al. 2018, https://arxiv.org/abs/1705.07115) learns one variance per head:

        >>> class Uncertainty(Balancer):
        ...     def __init__(self, weights):
        ...         super().__init__(weights)
        ...         self.log_variances_H = nn.Parameter(torch.zeros(len(weights)))
        ...
        ...     def forward(self, losses_H):
        ...         return (losses_H * torch.exp(-self.log_variances_H) + self.log_variances_H).sum()
        >>> balancer = Uncertainty({"digit": 1.0, "thickness": 1.0})
        >>> balancer(torch.tensor([0.5, 2.0])).item()
        2.5
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()

    def forward(self, losses_H: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not define forward")

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        """Called after each step of the optimizer.

        Args:
            losses_again: Gives the losses (H,) of the same batch under the parameters as they are now, without
                gradients. It costs one forward pass, and running statistics of the network do not see that pass.
        """

    def after_epoch(self, losses_H: Tensor) -> None:
        """Called after each training epoch.

        Args:
            losses_H: The mean training losses of the epoch, (H,).
        """


class FixedWeights(Balancer):
    """The sum of weight times loss, with the weights exactly as given.

    Args:
        weights: Head name to weight, in the order of the losses.

    Example:
        >>> FixedWeights({"digit": 1.0, "thickness": 0.25})(torch.tensor([0.5, 2.0])).item()
        1.0
    """

    weights_H: Tensor

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        # Not in checkpoints: they come from the configuration.
        self.register_buffer("weights_H", torch.tensor(list(weights.values())), persistent=False)

    def forward(self, losses_H: Tensor) -> Tensor:
        return torch.dot(self.weights_H, losses_H.to(self.weights_H))


BalancerFactory = Callable[[Mapping[str, float]], Balancer]
"""Makes a balancer from the fixed weights: a class with its other options bound by the configuration."""
