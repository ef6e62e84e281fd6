"""Memory for activations that is used again, batch after batch."""

import math

from torch import Tensor

from trainer_pkg.fused.stack import WIDTH


class Room:
    """Memory for one tensor of a layer at a time.

    Were it taken anew for each batch, the tensors of a step would wander over all that the process has freed: six `mlp`
    took 6 MB more.
    """

    def __init__(self) -> None:
        self._numbers: Tensor | None = None

    def of(self, like: Tensor, *shape: int) -> Tensor:
        """A tensor of this shape; what was given before is not valid any more."""
        num_numbers = math.prod(shape)
        if self._numbers is None or len(self._numbers) < num_numbers:
            self._numbers = None
            self._numbers = like.new_empty(num_numbers)
        return self._numbers[:num_numbers].view(shape)

    def let_go(self) -> None:
        """Give the memory up."""
        self._numbers = None


def lies_wide(num_features: int) -> bool:
    """Whether activations with so many features lie in memory as (B, n, F)."""
    return num_features % WIDTH == 0


def room_for(like: Tensor, num: int, num_features: int, room: Room) -> Tensor:
    """Room for the activations of as many rows, (B, n, F).

    Args:
        like: Its rows, type and device are those of the activations.
        num: n.
        num_features: F.
        room: Where it is.
    """
    if lies_wide(num_features):
        return room.of(like, len(like), num, num_features)
    return room.of(like, num, len(like), num_features).transpose(0, 1)
