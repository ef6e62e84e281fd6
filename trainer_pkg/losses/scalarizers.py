"""Balancers that make one number of the losses: the backward pass is that of a plain sum.

The formulas are TorchJD's (https://torchjd.org, the extra `balancers`); their sources stand at each class.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.balancers import Balancer, check_installed

with contextlib.suppress(ImportError):
    # Here, not in the constructors alone: the fork server of a study imports this module once for all its trials.
    import torchjd.scalarization  # noqa: F401

_SMALLEST_LOSS = 1e-8
"""Added where a loss of exactly 0 would make NaN gradients."""


class _Scalarized(Balancer):
    """A scalarizer of TorchJD that keeps nothing but parameters."""

    uses_weights = False

    def __init__(self, weights: Mapping[str, float], scalarizer: nn.Module) -> None:
        super().__init__(weights)
        self.scalarizer = scalarizer

    def forward(self, losses_H: Tensor) -> Tensor:
        return self.scalarizer(losses_H)  # type: ignore[no-any-return]


class UW(_Scalarized):
    """Uncertainty weighting: sum of exp(-s) loss / 2 + s / 2, with a learned s per head.

    Kendall et al. 2018, https://arxiv.org/abs/1705.07115.

    Example:
        >>> UW({"digit": 1.0, "thickness": 1.0})(torch.tensor([0.5, 2.0])).item()
        1.25
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("uw", "torchjd")
        from torchjd.scalarization import UW

        super().__init__(weights, UW(len(weights)))


class IMTLL(_Scalarized):
    """Impartial learning of losses: sum of exp(s) loss - s, with a learned s per head.

    Liu et al. 2021, Towards Impartial Multi-Task Learning, ICLR; twice `UW` at -s.

    Example:
        >>> IMTLL({"digit": 1.0, "thickness": 1.0})(torch.tensor([0.5, 2.0])).item()
        2.5
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("imtl_l", "torchjd")
        from torchjd.scalarization import IMTLL

        super().__init__(weights, IMTLL(len(weights)))


class GLS(_Scalarized):
    """The geometric mean of the losses; no factor of a loss changes the direction.

    Chennupati et al. 2019, MultiNet++, https://arxiv.org/abs/1904.08492. Losses must not be negative.

    Example:
        >>> round(GLS({"digit": 1.0, "thickness": 1.0})(torch.tensor([0.5, 2.0])).item(), 4)
        1.0
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("gls", "torchjd")
        from torchjd.scalarization import GeometricMean

        super().__init__(weights, GeometricMean())

    def forward(self, losses_H: Tensor) -> Tensor:
        return super().forward(losses_H + _SMALLEST_LOSS)


class STCH(Balancer):
    """A smooth maximum of the losses: mu log sum of exp(loss / (H mu)).

    Lin et al. 2024, Smooth Tchebycheff Scalarization, https://arxiv.org/abs/2402.19078.

    Args:
        weights: Head name to fixed weight.
        mu: How smooth; a smaller one is closer to the maximum.

    Example:
        >>> round(STCH({"digit": 1.0, "thickness": 1.0}, mu=0.1)(torch.tensor([0.5, 2.0])).item(), 4)
        1.0001
    """

    uses_weights = False

    def __init__(self, weights: Mapping[str, float], mu: float = 0.1) -> None:
        super().__init__(weights)
        if not mu > 0:
            raise ConfigError(f"model.balancer.mu={mu} must be above 0.")
        self._mu = mu

    def forward(self, losses_H: Tensor) -> Tensor:
        return self._mu * torch.logsumexp(losses_H / (len(losses_H) * self._mu), dim=0)


class Random(_Scalarized):
    """Weights drawn anew for each step, the softmax of normal numbers: what every other method should beat.

    Lin et al. 2022, Reasonable Effectiveness of Random Weighting, https://arxiv.org/abs/2111.10603.

    Example:
        >>> 0.5 < Random({"digit": 1.0, "thickness": 1.0})(torch.tensor([0.5, 2.0])).item() < 2.0
        True
    """

    one_device_only = True  # each process would draw its own

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("random", "torchjd")
        from torchjd.scalarization import Random

        super().__init__(weights, Random())


class DWA(Balancer):
    """Dynamic weight average: the slower a loss has fallen from epoch to epoch, the more it weighs.

    The weights are H softmax(rate / temperature), with rate = mean loss of the last epoch / that of the one before;
    they are 1 in the first two epochs. Liu et al. 2019, https://arxiv.org/abs/1803.10704.

    Args:
        weights: Head name to fixed weight.
        temperature: A larger one makes the weights more alike.

    Example:
        >>> balancer = DWA({"digit": 1.0, "thickness": 1.0})
        >>> balancer.after_epoch(torch.tensor([1.0, 1.0]))
        >>> balancer.after_epoch(torch.tensor([0.5, 1.0]))
        >>> [round(weight, 4) for weight in balancer.weights_H.tolist()]
        [0.8756, 1.1244]
    """

    uses_weights = False
    weights_H: Tensor
    last_losses_H: Tensor

    def __init__(self, weights: Mapping[str, float], temperature: float = 2.0) -> None:
        super().__init__(weights)
        if not temperature > 0:
            raise ConfigError(f"model.balancer.temperature={temperature} must be above 0.")
        self._temperature = temperature
        self.register_buffer("weights_H", torch.ones(len(weights)))
        self.register_buffer("last_losses_H", torch.full((len(weights),), torch.nan))

    def forward(self, losses_H: Tensor) -> Tensor:
        return torch.dot(self.weights_H, losses_H.to(self.weights_H))

    def after_epoch(self, losses_H: Tensor) -> None:
        rates_H = losses_H / self.last_losses_H.clamp(min=_SMALLEST_LOSS)  # NaN after the first epoch
        weights_H = len(losses_H) * torch.softmax(rates_H / self._temperature, dim=0)
        self.weights_H.copy_(torch.where(self.last_losses_H.isnan(), 1.0, weights_H))
        self.last_losses_H.copy_(losses_H)


class FAMO(_Scalarized):
    """Fast adaptive multitask optimization: weights that let all losses fall at one relative rate.

    It looks at the batch again after each step, which costs one more forward pass. Liu et al. 2023,
    https://arxiv.org/abs/2306.03792.

    Args:
        weights: Head name to fixed weight.
        lr: Learning rate of the weights' own Adam.
        weight_decay: Its weight decay.

    Example:
        >>> balancer = FAMO({"digit": 1.0, "thickness": 1.0})
        >>> round(balancer(torch.tensor([0.5, 2.0])).item(), 4)
        0.0
    """

    one_device_only = True  # each process would see its own rows

    def __init__(self, weights: Mapping[str, float], lr: float = 0.025, weight_decay: float = 1e-3) -> None:
        check_installed("famo", "torchjd")
        from torchjd.scalarization import FAMO

        super().__init__(weights, FAMO(len(weights), lr=lr, weight_decay=weight_decay))
        self._restored: dict[str, Any] = {}

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        if self._restored:
            # Only now: a checkpoint is read before the module is moved to its device.
            optimizer = torch.optim.Adam([self.scalarizer._w], lr=0.0)  # type: ignore[list-item,arg-type]
            optimizer.load_state_dict(self._restored)
            self.scalarizer._optimizer = optimizer  # type: ignore[assignment]
            self._restored = {}
        self.scalarizer.update(losses_again())  # type: ignore[operator]

    def get_extra_state(self) -> dict[str, Any]:
        """The state of the weights' own optimizer, which TorchJD keeps outside of buffers."""
        optimizer: Any = self.scalarizer._optimizer
        return self._restored if optimizer is None else optimizer.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self._restored = state
