"""EfficientNet (Tan and Le 2019, https://arxiv.org/abs/1905.11946), scaled in width and depth."""

import math
from typing import NamedTuple

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

from trainer_pkg.nets.backbone import Backbone, widths_of
from trainer_pkg.spec import Shape


class Stage(NamedTuple):
    """Inverted residual blocks: expansion, channels, number, stride of the first, kernel."""

    expansion: int
    channels: int
    num_blocks: int
    stride: int
    kernel: int


class Scale(NamedTuple):
    """Multipliers of channels and blocks."""

    width: float
    depth: float


STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)
SIZES = {"tiny": Scale(0.002, 0.3), "small": Scale(0.043, 0.7), "medium": Scale(0.2, 0.5), "large": Scale(1.0, 1.0)}
_STEM, _LAST = 32, 1280
_REDUCTION = 4


class EfficientNet(Backbone):
    """Stem, seven stages of inverted residuals with squeeze and excitation, a last convolution, mean over the pixels.

    Args:
        input_shape: (C, H, W) of one image.
        size: Row of `SIZES`.
        width: Multiplier of the channels; None: that of the size.
        depth: Multiplier of the blocks; None: that of the size.
        dropout: Share of features dropped.
        drop_path: Share of residual branches dropped in the last block; it rises linearly from 0 in the first one.

    Example:
        >>> EfficientNet((3, 32, 32), size="tiny").num_features
        8
    """

    is_convolutional = True

    def __init__(
        self,
        input_shape: Shape,
        size: str = "small",
        width: float | None = None,
        depth: float | None = None,
        dropout: float = 0.2,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        scale = widths_of(size, SIZES)
        wide = scale.width if width is None else width
        deep = scale.depth if depth is None else depth
        numbers = [math.ceil(stage.num_blocks * deep) for stage in STAGES]
        channels = _scaled(_STEM, wide)
        layers: list[nn.Module] = [_convolution(input_shape[0], channels, 3, stride=2)]
        num_built = 0
        for stage, number in zip(STAGES, numbers, strict=True):
            for i in range(number):
                rate = drop_path * num_built / max(1, sum(numbers) - 1)
                out = _scaled(stage.channels, wide)
                layers.append(InvertedResidual(channels, out, stage, stage.stride if i == 0 else 1, rate))
                channels, num_built = out, num_built + 1
        self.num_features = _scaled(_LAST, wide)
        layers.append(_convolution(channels, self.num_features, 1))
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features: Tensor = self.layers(images_BCHW)
        return features


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, excite, narrow; with a residual if the shape stays the same."""

    def __init__(self, num_in: int, num_out: int, stage: Stage, stride: int, drop_path: float) -> None:
        super().__init__()
        wide = num_in * stage.expansion
        layers: list[nn.Module] = [] if stage.expansion == 1 else [_convolution(num_in, wide, 1)]
        layers += [
            _convolution(wide, wide, stage.kernel, stride=stride, groups=wide),
            SqueezeExcitation(wide, max(1, wide // _REDUCTION), activation=nn.SiLU),
            Conv2dNormActivation(wide, num_out, 1, activation_layer=None),
        ]
        self.layers = nn.Sequential(*layers)
        self.has_residual = stride == 1 and num_in == num_out
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.layers(x_BCHW)
        return x_BCHW + self.drop_path(y_BCHW) if self.has_residual else y_BCHW


def _convolution(num_in: int, num_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    made: nn.Module = Conv2dNormActivation(num_in, num_out, kernel, stride, groups=groups, activation_layer=nn.SiLU)
    return made


def _scaled(channels: int, factor: float) -> int:
    """Channels times factor, rounded up to a multiple of 8."""
    return math.ceil(channels * factor / 8) * 8
