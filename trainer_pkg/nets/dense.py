"""Three fully connected layers with batch normalisation."""

import itertools
import math

from torch import Tensor, nn

from trainer_pkg.nets.backbone import Backbone, widths_of
from trainer_pkg.spec import Shape

SIZES = {"tiny": (10, 20, 10), "small": (32, 64, 32), "base": (64, 128, 64), "large": (256, 256, 256)}


class Dense(Backbone):
    """Linear, BatchNorm, ReLU, three times over the flattened image.

    Args:
        input_shape: (C, H, W) of one image.
        size: Row of `SIZES`: the widths of the three layers.
        dropout: Share of features dropped after each layer.
    """

    def __init__(self, input_shape: Shape, size: str = "base", dropout: float = 0.0) -> None:
        super().__init__()
        widths = (math.prod(input_shape), *widths_of(size, SIZES))
        layers: list[nn.Module] = [nn.Flatten()]
        for narrow, wide in itertools.pairwise(widths):
            layers += [nn.Linear(narrow, wide), nn.BatchNorm1d(wide), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)
        self.num_features = widths[-1]

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features: Tensor = self.layers(images_BCHW)
        return features
