"""One loss per head, and their total with fixed weights."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.losses.balancers import FixedWeights
from trainer_pkg.losses.classification import FocalLoss
from trainer_pkg.losses.mapped import Mapped
from trainer_pkg.losses.ordered import OrderedLoss
from trainer_pkg.spec import Continuous, Target

_OF_CLASSES = (nn.CrossEntropyLoss, nn.MultiMarginLoss, FocalLoss)


class HeadLoss(nn.Module):
    """The loss of one head, and what its outputs predict.

    Args:
        head: The head's name.
        target: Its target.
        loss: Maps outputs and labels (B,) to a scalar. Outputs are (B, K) for classes and (B,) for a number.

    Raises:
        ConfigError: The loss is not for such a target.
    """

    def __init__(self, head: str, target: Target, loss: nn.Module) -> None:
        super().__init__()
        if isinstance(loss, nn.NLLLoss):
            raise ConfigError(
                "model.criterion._target_=torch.nn.NLLLoss takes log-probabilities, and heads give logits:"
                " the same loss is torch.nn.CrossEntropyLoss."
            )
        self._head, self._is_number = head, isinstance(target, Continuous)
        if self._is_number and isinstance(loss, _OF_CLASSES):
            raise ConfigError(
                f"model.criteria.{head}: {type(loss).__name__} is for classes, and {head} is a number."
                " Nearest: trainer_pkg.losses.ordered.Regression"
            )
        self.loss = loss.bound(target) if isinstance(loss, OrderedLoss) else loss
        self.num_outputs = loss.num_outputs(target) if isinstance(loss, OrderedLoss) else target.num_outputs

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The mean loss of the batch, ().

        Args:
            outputs: Head name to output, (B, K).
            batch: The batch, with the labels of this head.
        """
        if isinstance(self.loss, Mapped):
            return self.loss(outputs, batch)  # type: ignore[no-any-return]
        found = outputs[self._head]
        return self.loss(found.flatten() if self._is_number else found, batch[self._head])  # type: ignore[no-any-return]

    def predict(self, outputs_BK: Tensor) -> Tensor:
        """The predicted labels (B,): classes, or numbers in the target's unit."""
        if isinstance(self.loss, OrderedLoss):
            return self.loss.predict(outputs_BK)
        return outputs_BK.flatten() if self._is_number else outputs_BK.argmax(dim=1)


class WeightedCriteria(nn.Module):
    """The loss of each head, and the total that is logged as `loss`.

    Args:
        targets: Head name to target, in the order of the data set.
        default: Loss of every head of classes that `criteria` does not name.
        default_number: Loss of every head of numbers that `criteria` does not name.
        criteria: Head name to a loss of its own.
        weights: Head name to factor, used exactly as given; a head left out counts 1.0. A head of weight 0 is not
            trained: it has no loss, and no entry in `weights`.

    Raises:
        ConfigError: A weight or a criterion names no head, a weight is not a finite number of at least 0, or all are 0.

    Example:
        >>> from trainer_pkg.losses.ordered import Regression
        >>> from trainer_pkg.spec import Categorical
        >>> targets = {"digit": Categorical(num_classes=2), "thickness": Categorical(num_classes=2)}
        >>> criteria = WeightedCriteria(targets, nn.CrossEntropyLoss(), Regression(), {}, {"thickness": 0.5})
        >>> outputs = {"digit": torch.zeros(1, 2), "thickness": torch.zeros(1, 2)}
        >>> losses_H = criteria(outputs, {"digit": torch.tensor([0]), "thickness": torch.tensor([1])})
        >>> round(losses_H[0].item(), 4), round(criteria.total(losses_H).item(), 4)
        (0.6931, 1.0397)
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        default: nn.Module,
        default_number: nn.Module,
        criteria: Mapping[str, nn.Module],
        weights: Mapping[str, float],
    ) -> None:
        super().__init__()
        for key, given in (("loss_weights", weights), ("criteria", criteria)):
            for head in given:
                if head not in targets:
                    heads = did_you_mean(head, targets)
                    raise ConfigError(f"model.{key}.{head}: there is no head {head!r}. Heads: {heads}")
        for head, weight in weights.items():
            if (
                isinstance(weight, bool)
                or not isinstance(weight, int | float)
                or not math.isfinite(weight)
                or weight < 0
            ):
                raise ConfigError(f"model.loss_weights.{head}={weight} must be a finite number of at least 0.")
        factors = {head: float(weights.get(head, 1.0)) for head in targets}
        self.weights = {head: weight for head, weight in factors.items() if weight > 0}
        if not self.weights:
            raise ConfigError(
                f"model.loss_weights: every head has weight 0, so nothing is trained. Give one of them a weight above"
                f" 0: {', '.join(targets)}."
            )
        losses = {
            head: criteria.get(head, default_number if isinstance(target, Continuous) else default)
            for head, target in targets.items()
        }
        self.heads = nn.ModuleDict({head: HeadLoss(head, target, losses[head]) for head, target in targets.items()})
        self.total = FixedWeights(self.weights)

    @property
    def num_outputs(self) -> dict[str, int]:
        """Head name to the number of outputs that its loss needs, of all heads."""
        return {head: loss.num_outputs for head, loss in self.heads.items()}  # type: ignore[misc]

    @property
    def read_heads(self) -> set[str]:
        """The heads whose outputs some loss reads: those that are trained, and what a `Mapped` loss of them names."""
        losses = [self.heads[head].loss for head in self.weights]
        return {*self.weights, *(head for loss in losses if isinstance(loss, Mapped) for head in loss.heads)}

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of each trained head, (H,), in the order of `weights`; `total` makes the weighted sum of it, ()."""
        return torch.stack([self.heads[head](outputs, batch) for head in self.weights])

    def predict(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Name of each trained head to predicted labels (B,)."""
        return {head: self.heads[head].predict(outputs[head]) for head in self.weights}  # type: ignore[operator]
