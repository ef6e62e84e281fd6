"""Three fully connected layers with batch normalisation."""

from collections.abc import Sequence

from torch import nn

from trainer_pkg.nets.mlp import MLP
from trainer_pkg.spec import Shape


class Dense(MLP):
    """Linear, BatchNorm, ReLU, three times over the flattened image; a training batch needs two images.

    Args:
        input_shape: (C, H, W) of one image.
        size: Row of `sizes`: the widths of the three layers.
        dropout: Share of features dropped after each layer.
        widths: Custom widths in place of those of the size; None: those of the size.

    Example:
        >>> Dense((1, 28, 28), size="small").num_features
        32
        >>> Dense((1, 28, 28), widths=[100, 50, 20]).num_features
        20
    """

    sizes = {"tiny": (10, 20, 10), "small": (32, 64, 32), "base": (64, 128, 64), "large": (256, 256, 256)}  # noqa: RUF012

    def __init__(
        self, input_shape: Shape, size: str = "base", dropout: float = 0.0, widths: Sequence[int] | None = None
    ) -> None:
        super().__init__(input_shape, size, dropout, widths)

    def norms(self, width: int) -> list[nn.Module]:
        return [nn.BatchNorm1d(width)]
