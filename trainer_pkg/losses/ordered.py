"""Losses of ordered targets: the distance between prediction and label counts, not only whether they are equal.

Distances are shares of the target's range, so that a loss weight means the same in any unit.
"""

import abc
import copy
from collections.abc import Callable
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, huber_loss, l1_loss, mse_loss

from trainer_pkg.spec import Categorical, Target

Distance = Literal["l1", "l2", "huber"]

_DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1_loss, "l2": mse_loss, "huber": huber_loss}


class OrderedLoss(nn.Module, abc.ABC):
    """Base of the losses of ordered targets: a subclass says what its outputs predict, and gives a scalar.

    `bound` ties a loss to the target of one head, whose range it then knows.

    Args:
        distance: `l1` absolute, `l2` squared, `huber` squared up to 1 and linear beyond.

    Raises:
        ValueError: The distance is unknown.
    """

    def __init__(self, distance: Distance = "l1") -> None:
        super().__init__()
        if distance not in _DISTANCES:
            raise ValueError(f"distance={distance} is unknown. Known: {', '.join(_DISTANCES)}")
        self._distance = _DISTANCES[distance]
        self._low, self._high, self._span = 0.0, 1.0, 1.0

    def bound(self, target: Target) -> Self:
        """A copy of this loss for the target of one head.

        Raises:
            ValueError: This loss does not fit such a target.
        """
        mine = copy.deepcopy(self)
        mine._low, mine._high = target.range
        mine._span = max(mine._high - mine._low, 1e-12)
        return mine

    def num_outputs(self, target: Target) -> int:
        """How many outputs the head needs."""
        return target.num_outputs

    @abc.abstractmethod
    def predict(self, outputs_BK: Tensor) -> Tensor:
        """The predicted labels (B,): floating-point numbers, also if the labels are classes."""

    def _apart(self, predicted_B: Tensor, labels_B: Tensor) -> Tensor:
        return self._distance((predicted_B - self._low) / self._span, (labels_B.float() - self._low) / self._span)


class OrdinalRegression(OrderedLoss):
    """Distance between the label and its expected value under the softmax, plus `alpha` times the cross entropy.

    For ordered classes, or for classes whose order counts.

    Args:
        distance: See `OrderedLoss`.
        alpha: Factor of the cross entropy, at least 0.

    Raises:
        ValueError: The distance is unknown or `alpha` is negative.

    Example:
        `+model.criteria.thickness._target_=trainer_pkg.losses.ordered.OrdinalRegression`

        >>> loss = OrdinalRegression("l1", alpha=0.0).bound(Categorical(num_classes=5))
        >>> outputs = torch.tensor([[0.0, 1.0, 3.0, 1.0, 0.0]])
        >>> loss.predict(outputs).item()
        2.0
        >>> loss(outputs, torch.tensor([4])).item()  # 2 classes off, of a range of 4
        0.5
    """

    labels_K: Tensor

    def __init__(self, distance: Distance = "l1", alpha: float = 0.1) -> None:
        super().__init__(distance)
        if alpha < 0:
            raise ValueError(f"alpha={alpha} must be at least 0")
        self.alpha = alpha

    def bound(self, target: Target) -> Self:
        if not isinstance(target, Categorical):
            raise ValueError("OrdinalRegression needs classes; a number takes trainer_pkg.losses.ordered.Regression")
        mine = super().bound(target)
        mine.register_buffer("labels_K", torch.arange(target.num_classes).float(), persistent=False)
        return mine

    def predict(self, outputs_BK: Tensor) -> Tensor:
        return outputs_BK.softmax(1) @ self.labels_K.to(outputs_BK.dtype)

    def forward(self, outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        return self._apart(self.predict(outputs_BK), labels_B) + self.alpha * cross_entropy(outputs_BK, labels_B)


class Regression(OrderedLoss):
    """One output per head: 0 is the middle of the target's range, -0.5 and 0.5 are its ends.

    For numbers, and for ordered classes: then the predicted class is the one nearest to the output.

    Args:
        distance: As in `OrderedLoss`.

    Example:
        >>> from trainer_pkg.spec import Continuous
        >>> loss = Regression("l1").bound(Continuous(low=10.0, high=30.0))
        >>> loss.predict(torch.tensor([[0.0], [0.5]])).tolist()
        [20.0, 30.0]
        >>> loss(torch.tensor([[0.0]]), torch.tensor([25.0])).item()  # 5 off, of a range of 20
        0.25
    """

    def __init__(self, distance: Distance = "l2") -> None:
        super().__init__(distance)

    def num_outputs(self, target: Target) -> int:
        return 1

    def predict(self, outputs_BK: Tensor) -> Tensor:
        return self._position(outputs_BK).clamp(self._low, self._high)

    def forward(self, outputs_BK: Tensor, labels_B: Tensor) -> Tensor:
        # Not the clamped prediction: beyond the range it would have no gradient.
        return self._apart(self._position(outputs_BK), labels_B)

    def _position(self, outputs_BK: Tensor) -> Tensor:
        return self._low + (outputs_BK.flatten().float() + 0.5) * self._span
