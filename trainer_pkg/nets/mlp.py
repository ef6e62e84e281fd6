"""Fully connected layers without normalisation: trains on batches of one image too."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn

from trainer_pkg.nets.backbone import Backbone, widths_of
from trainer_pkg.spec import Shape


class MLP(Backbone):
    """Linear and ReLU, once per width, over the flattened image.

    Args:
        input_shape: (C, H, W) of one image.
        size: Row of `sizes`: the widths of the layers.
        dropout: Share of features dropped after each layer.
        widths: Custom widths in place of those of the size; None: those of the size.

    Example:
        >>> MLP((1, 28, 28), size="base").num_features
        128
    """

    sizes: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "tiny": (10, 20, 10),
        "small": (64, 128, 64),
        "base": (256, 128),
        "large": (512, 256, 128),
    }

    def __init__(
        self, input_shape: Shape, size: str = "base", dropout: float = 0.1, widths: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        plan = (math.prod(input_shape), *widths_of(size, self.sizes, widths))
        layers: list[nn.Module] = [nn.Flatten()]
        for narrow, wide in itertools.pairwise(plan):
            layers += [nn.Linear(narrow, wide), *self.norms(wide), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)
        self.num_features = plan[-1]

    def norms(self, width: int) -> list[nn.Module]:
        """The layers between a linear layer and its activation."""
        return []

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features: Tensor = self.layers(images_BCHW)
        return features
