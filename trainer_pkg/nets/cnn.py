"""Two convolution blocks and a fully connected layer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer_pkg.nets.backbone import Backbone, widths_of
from trainer_pkg.spec import Shape

SIZES = {"tiny": (3, 6, 25), "small": (8, 20, 68), "base": (32, 64, 128), "large": (64, 128, 512)}
_AUX_WIDTH = 32


def _block(num_in: int, num_out: int) -> list[nn.Module]:
    return [nn.Conv2d(num_in, num_out, 3, padding=1), nn.BatchNorm2d(num_out), nn.ReLU(), nn.MaxPool2d(2)]


class CNN(Backbone):
    """Convolution, BatchNorm, ReLU and pooling, twice; then one hidden layer.

    Args:
        input_shape: (C, H, W) of one image, at least 4 pixels a side.
        size: Row of `SIZES`: channels of both blocks and width of the hidden layer.
        dropout: Share of hidden features dropped.
        widths: Custom widths in place of those of the size; None: those of the size.
        num_aux: Scalars that come with each image; they pass two layers of their own and join the hidden features.

    Example:
        >>> network = CNN((3, 32, 32), size="tiny", num_aux=2)
        >>> network(torch.zeros(4, 3, 32, 32), torch.zeros(4, 2)).shape  # 25 hidden features, and 32 of the scalars
        torch.Size([4, 57])
    """

    is_convolutional = True

    def __init__(
        self,
        input_shape: Shape,
        size: str = "base",
        dropout: float = 0.25,
        widths: Sequence[int] | None = None,
        num_aux: int = 0,
    ) -> None:
        super().__init__()
        narrow, wide, hidden = widths_of(size, SIZES, widths)
        # Two poolings leave 7 of 28 pixels; any other size is brought to 4 so that the hidden layer stays small.
        side = 7 if input_shape[1] // 4 == 7 else 4
        layers = [*_block(input_shape[0], narrow), *_block(narrow, wide)]
        if (input_shape[1] // 4, input_shape[2] // 4) != (side, side):
            layers.append(nn.AdaptiveAvgPool2d(side))
        layers += [nn.Flatten(), nn.Linear(wide * side * side, hidden), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.num_features = hidden
        if num_aux:
            self.aux = nn.Sequential(
                nn.Linear(num_aux, _AUX_WIDTH),
                nn.ReLU(),
                nn.Dropout(dropout / 2),
                nn.Linear(_AUX_WIDTH, _AUX_WIDTH),
                nn.ReLU(),
            )
            self.num_features += _AUX_WIDTH

    def forward(self, images_BCHW: Tensor, aux_BA: Tensor | None = None) -> Tensor:
        features: Tensor = self.layers(images_BCHW)
        return features if aux_BA is None else torch.cat([features, self.aux(aux_BA)], dim=1)
