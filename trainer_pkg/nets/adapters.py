"""What may stand between a backbone and its heads."""

from torch import Tensor, nn


class LinearAdapter(nn.Module):
    """Brings the features of any backbone to one width.

    Args:
        num_in: Width of the backbone's features.
        width: Width of the adapter's features.
        activation: Whether a ReLU follows.
    """

    def __init__(self, num_in: int, width: int, activation: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(num_in, width)
        self.activation = nn.ReLU() if activation else nn.Identity()
        self.num_features = width

    def forward(self, features_BF: Tensor) -> Tensor:
        adapted: Tensor = self.activation(self.linear(features_BF))
        return adapted
