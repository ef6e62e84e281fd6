"""Memory for activations that is used again, batch after batch."""

from torch import Tensor

from trainer_pkg.fused.stack import WIDTH


class Room:
    """Memory for one tensor of a layer.

    Were it taken anew for each batch, the tensors of a step would wander over all that the process has freed: six `mlp`
    took 6 MB more.
    """

    def __init__(self) -> None:
        self._tensor: Tensor | None = None

    def of(self, like: Tensor, *shape: int) -> Tensor:
        """A tensor of this shape; it is the one that was given last if the shape is."""
        if self._tensor is None or self._tensor.shape != shape:
            self._tensor = like.new_empty(shape)
        return self._tensor

    def let_go(self) -> None:
        """Give the memory up."""
        self._tensor = None


def lies_wide(num_features: int) -> bool:
    """Whether activations with so many features lie in memory as (B, n, F)."""
    return num_features % WIDTH == 0


def room_for(like: Tensor, num: int, num_features: int, room: Room | None = None) -> Tensor:
    """Room for the activations of as many rows, (B, n, F).

    Args:
        like: Its rows, type and device are those of the activations.
        num: n.
        num_features: F.
        room: Where it is; None: in memory of its own.
    """
    of = (room or Room()).of
    if lies_wide(num_features):
        return of(like, len(like), num, num_features)
    return of(like, num, len(like), num_features).transpose(0, 1)
