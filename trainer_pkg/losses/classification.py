"""Losses of heads of classes; the usual one, with or without label smoothing, is `torch.nn.CrossEntropyLoss`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class WeightedCrossEntropy(nn.CrossEntropyLoss):
    """Cross entropy with one factor per class: the sum of factor times loss, divided by the sum of the factors.

    Args:
        class_weights: One factor per class, at least 0.
        label_smoothing: Share of each target that is spread evenly over all classes.

    Raises:
        ValueError: A factor is negative or not finite.

    Example:
        >>> loss = WeightedCrossEntropy([1.0, 3.0])
        >>> round(loss(torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 1])).item(), 4)
        0.3873
    """

    def __init__(self, class_weights: Sequence[float], label_smoothing: float = 0.0) -> None:
        weights = torch.tensor([float(weight) for weight in class_weights])
        if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()):
            raise ValueError(f"class_weights={list(class_weights)} must be finite numbers of at least 0")
        super().__init__(weight=weights, label_smoothing=label_smoothing)


class FocalLoss(nn.Module):
    """Cross entropy times (1 - p)^gamma, where p is the probability of the right class: rows done well count less.

    Lin et al. 2017, https://arxiv.org/abs/1708.02002, equation 4.

    Args:
        gamma: Exponent; 0 is cross entropy.

    Raises:
        ValueError: `gamma` is negative.

    Example:
        `model.criterion._target_=trainer_pkg.losses.classification.FocalLoss +model.criterion.gamma=1.0`

        >>> outputs, labels = torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 1])
        >>> round(FocalLoss(gamma=2.0)(outputs, labels).item(), 4)
        0.0347
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise ValueError(f"gamma={gamma} must be at least 0")
        self.gamma = gamma

    def forward(self, outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        losses_B = cross_entropy(outputs_BK, labels_B, reduction="none")
        return ((1 - (-losses_B).exp()) ** self.gamma * losses_B).mean()
