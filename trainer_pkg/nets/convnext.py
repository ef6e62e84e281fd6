"""ConvNeXt V2 (Woo et al. 2023, https://arxiv.org/abs/2301.00808) for small images."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from trainer_pkg.nets.backbone import Backbone, widths_of
from trainer_pkg.spec import Shape

_SMALL_SIDE = 64


class Plan(NamedTuple):
    """Blocks and channels of the four stages, and the share of residual branches that the last block drops."""

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    drop_path: float = 0.0


SIZES = {
    "tiny": Plan((1, 1, 1, 1), (4, 8, 16, 32)),
    "small": Plan((1, 1, 2, 1), (8, 16, 32, 64)),
    "base": Plan((2, 2, 4, 2), (12, 24, 48, 96), 0.1),
    "large": Plan((3, 3, 6, 3), (16, 32, 64, 128), 0.2),
}


class ConvNeXt(Backbone):
    """A stem that makes patches, four stages with a halving convolution before each but the first, a mean over pixels.

    Args:
        input_shape: (C, H, W) of one image; the stem's patches have 2 pixels a side up to 64 pixels, else 4.
        size: Row of `SIZES`.
        kernel_size: Side of the depthwise convolutions.
        drop_path: Share of residual branches dropped in the last block; it rises linearly from 0 in the first one.
            None: that of the size.

    Example:
        >>> ConvNeXt((3, 32, 32), size="tiny")(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 32])
    """

    is_convolutional = True

    def __init__(
        self, input_shape: Shape, size: str = "base", kernel_size: int = 7, drop_path: float | None = None
    ) -> None:
        super().__init__()
        plan = widths_of(size, SIZES)
        rates = torch.linspace(0, plan.drop_path if drop_path is None else drop_path, sum(plan.depths)).tolist()
        patch = 2 if max(input_shape[1:]) <= _SMALL_SIDE else 4
        layers: list[nn.Module] = [nn.Conv2d(input_shape[0], plan.widths[0], patch, stride=patch, padding="valid")]
        layers.append(ChannelNorm(plan.widths[0]))
        for i, (depth, width) in enumerate(zip(plan.depths, plan.widths, strict=True)):
            if i:
                layers += [ChannelNorm(plan.widths[i - 1]), Halve(plan.widths[i - 1], width)]
            layers += [Block(width, kernel_size, rates.pop(0)) for _ in range(depth)]
        self.stages = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(plan.widths[-1], eps=1e-6)
        self.num_features = plan.widths[-1]
        self.apply(_initialise)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features: Tensor = self.norm(self.stages(images_BCHW).mean((2, 3)))
        return features


class Block(nn.Module):
    """Depthwise convolution, then per pixel: LayerNorm, a hidden layer of four times the width with GRN; residual."""

    def __init__(self, width: int, kernel_size: int, drop_path: float) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, kernel_size, padding="same", groups=width)
        self.pixelwise = nn.Sequential(
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            GlobalResponseNorm(4 * width),
            nn.Linear(4 * width, width),
        )
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BHWC = self.pixelwise(self.spatial(x_BCHW).permute(0, 2, 3, 1))
        dropped: Tensor = self.drop_path(y_BHWC.permute(0, 3, 1, 2))
        return x_BCHW + dropped


class GlobalResponseNorm(nn.Module):
    """Scales each channel by its norm over the image, relative to the mean of all channels (the paper's section 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x_BHWC: Tensor) -> Tensor:
        norms_B11C = torch.linalg.vector_norm(x_BHWC, dim=(1, 2), keepdim=True)
        relative_B11C = norms_B11C / (norms_B11C.mean(-1, keepdim=True) + 1e-6)
        scaled: Tensor = self.gamma * (x_BHWC * relative_B11C) + self.beta + x_BHWC
        return scaled


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each pixel of (B, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-6)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(x_BCHW.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Halve(nn.Conv2d):
    """Halves height and width; a side of one pixel stays one pixel."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__(num_in, num_out, 2, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        height, width = x_BCHW.shape[-2:]
        if min(height, width) < 2:
            x_BCHW = nn.functional.pad(x_BCHW, (0, max(0, 2 - width), 0, max(0, 2 - height)))
        return super().forward(x_BCHW)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
