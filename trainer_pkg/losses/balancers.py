"""How the losses of the heads become the one number that is differentiated.

What is logged as `loss` is another thing: always the sum with the fixed weights of `model.loss_weights`, so that a
learning-rate schedule, early stopping and the comparison of two trials do not depend on the balancer.

A balancer sees the heads that are trained: a head of weight 0 is not among them. What the balancer makes of the losses
of an epoch is logged as `train/weight/HEAD`, for any balancer.

A balancer is one class, in a module of this folder or of your own project, and one file in `configs/model/balancer/`:

    # uncertainty.yaml; train model/balancer=uncertainty
    _target_: my_package.balancers.Uncertainty
    _partial_: true

`trainer_pkg.models` lists those that are here. docs/balancers.md says what each does, costs and cannot do.
"""

import importlib.util
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from trainer_pkg.errors import ConfigError


class Balancer(nn.Module):
    """Maps the losses of the trained heads (H,) to the scalar that is differentiated, ().

    The optimizer trains a balancer's parameters with the network's. Whatever else a balancer remembers belongs in
    buffers: parameters and buffers are in every checkpoint, so that an interrupted run continues exactly.

    Attributes:
        uses_weights: Whether the fixed weights change what it does. If not, a check says so where they differ.
        one_device_only: Whether it would do something else on several devices; then a check refuses them.

    Args:
        weights: Head name to its fixed weight, for every trained head, in the order of the losses.

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

    uses_weights = True
    one_device_only = False

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


def check_installed(balancer: str, *packages: str, extra: str = "balancers") -> None:
    """Raise a ConfigError that names the extra of pip which brings the packages of a balancer, if one is missing."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(f"model/balancer={balancer} needs {', '.join(missing)}: pip install 'hydra-sweeps[{extra}]'.")
