"""Vision transformer (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929), pre-norm, with a class token."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer_pkg.nets.backbone import Backbone, widths_of
from trainer_pkg.spec import Shape


class Plan(NamedTuple):
    """Width of a token, number of layers, heads of the attention."""

    width: int
    num_layers: int
    num_heads: int


SIZES = {"tiny": Plan(32, 4, 4), "small": Plan(64, 6, 4), "base": Plan(128, 6, 8), "large": Plan(256, 8, 8)}
_EXPANSION = 2


class ViT(Backbone):
    """Patches as tokens with learned positions; the class token, through one tanh layer, is the feature.

    Args:
        input_shape: (C, H, W) of one image; a side that is no multiple of the patch is filled up with zeros.
        size: Row of `SIZES`.
        patch: Side of a patch in pixels.
        dropout: Share of activations dropped, in the embedding and in every layer.

    Example:
        >>> ViT((1, 28, 28), size="tiny", patch=7)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 32])
    """

    def __init__(self, input_shape: Shape, size: str = "base", patch: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        plan = widths_of(size, SIZES)
        channels, height, width = input_shape
        missing = (-width % patch, -height % patch)
        self.fill = nn.ZeroPad2d((0, missing[0], 0, missing[1])) if any(missing) else nn.Identity()
        num_patches = -(-height // patch) * -(-width // patch)
        self.embed = nn.Conv2d(channels, plan.width, patch, stride=patch)
        self.positions = nn.Parameter(torch.empty(1, num_patches, plan.width))
        self.class_token = nn.Parameter(torch.empty(1, 1, plan.width))
        self.dropout = nn.Dropout(dropout)
        # One by one: nn.TransformerEncoder copies one layer, so that all would start with the same weights.
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    plan.width,
                    plan.num_heads,
                    dim_feedforward=_EXPANSION * plan.width,
                    dropout=dropout,
                    activation="gelu",
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(plan.num_layers)
            )
        )
        self.norm = nn.LayerNorm(plan.width)
        self.last = nn.Sequential(nn.Linear(plan.width, plan.width), nn.Tanh())
        self.num_features = plan.width
        for parameter in (self.positions, self.class_token):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        patches_BNF = self.embed(self.fill(images_BCHW)).flatten(2).transpose(1, 2) + self.positions
        tokens_BNF = torch.cat([self.class_token.expand(len(patches_BNF), -1, -1), patches_BNF], dim=1)
        features: Tensor = self.last(self.norm(self.layers(self.dropout(tokens_BNF))[:, 0]))
        return features
