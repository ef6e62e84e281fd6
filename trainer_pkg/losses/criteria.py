"""One loss a head, and the weighted total that is differentiated."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean


class WeightedCriteria(nn.Module):
    """Per-head losses and their weighted sum.

    Args:
        heads: Head names in the order of the data set.
        default: Loss of every head that `criteria` does not name; maps outputs (B, K) and labels (B,) to a scalar.
        criteria: Head name to a loss of its own.
        weights: Head name to factor, used exactly as given; a head left out counts 1.0.

    Raises:
        ConfigError: A weight or a criterion names no head, or a weight is not a finite number.
    """

    weights_H: Tensor

    def __init__(
        self,
        heads: list[str],
        default: nn.Module,
        criteria: Mapping[str, nn.Module],
        weights: Mapping[str, float],
    ) -> None:
        super().__init__()
        for key, given in (("loss_weights", weights), ("criteria", criteria)):
            for head in given:
                if head not in heads:
                    raise ConfigError(
                        f"model.{key}.{head} names no head of this data. Heads: {did_you_mean(head, heads)}"
                    )
        for head, weight in weights.items():
            if (
                isinstance(weight, bool)
                or not isinstance(weight, int | float)
                or not math.isfinite(weight)
                or weight < 0
            ):
                raise ConfigError(f"model.loss_weights.{head}={weight} must be a finite number of at least 0.")
        self.weights = {head: float(weights.get(head, 1.0)) for head in heads}
        self.criteria = nn.ModuleDict({head: criteria.get(head, default) for head in heads})
        self.register_buffer("weights_H", torch.tensor(list(self.weights.values())), persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The weighted total, shape (), and the loss of each head (H,) in the order of `weights`."""
        losses_H = torch.stack([criterion(outputs[head], batch[head]) for head, criterion in self.criteria.items()])
        return self.total(losses_H), losses_H

    def total(self, losses_H: Tensor) -> Tensor:
        """Weighted sum of per-head losses (H,), shape ()."""
        return torch.dot(self.weights_H, losses_H.to(self.weights_H.dtype))
