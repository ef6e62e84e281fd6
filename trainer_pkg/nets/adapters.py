"""Layers between a backbone and its heads."""

from torch import Tensor, nn


class LinearAdapter(nn.Module):
    """Brings the features of any backbone to one width.

    Args:
        num_in: Width of the backbone's features.
        width: Width of the adapter's features.
        activation: Whether a ReLU follows.

    Example:
        `model/adapter=linear model.adapter.width=10`, with any backbone:

        >>> import torch
        >>> adapter = LinearAdapter(num_in=64, width=10)
        >>> adapter(torch.randn(2, 64)).shape
        torch.Size([2, 10])
    """

    def __init__(self, num_in: int, width: int, activation: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(num_in, width)
        self.activation = nn.ReLU() if activation else nn.Identity()
        self.num_features = width

    def forward(self, features_BF: Tensor) -> Tensor:
        adapted: Tensor = self.activation(self.linear(features_BF))
        return adapted
