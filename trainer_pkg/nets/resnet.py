"""torchvision's residual networks as backbones."""

from torch import Tensor, nn
from torchvision.models import get_model

from trainer_pkg.nets.backbone import Backbone
from trainer_pkg.spec import Shape


class ResNet(Backbone):
    """A residual network without its classifier, its first convolution made for the data's channels.

    The name says the size, so `model.size` has no effect on it.

    Args:
        input_shape: (C, H, W) of one image.
        name: `resnet18`, `resnet34`, `resnet50` or another of torchvision's.
        pretrained: Whether to start from torchvision's ImageNet weights, which are downloaded once. The first
            convolution then sees each of C channels as the mean of red, green and blue, scaled by 3 / C.

    Example:
        >>> import torch
        >>> ResNet((1, 28, 28), name="resnet18")(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 512])
    """

    is_convolutional = True

    def __init__(self, input_shape: Shape, name: str = "resnet18", pretrained: bool = False) -> None:
        super().__init__()
        network = get_model(name, weights="DEFAULT" if pretrained else None)
        self.num_features = network.fc.in_features
        network.fc = nn.Identity()
        if input_shape[0] != network.conv1.in_channels:
            network.conv1 = _for_channels(network.conv1, input_shape[0], keep=pretrained)
        self.network = network

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features: Tensor = self.network(images_BCHW)
        return features


def _for_channels(stem: nn.Conv2d, channels: int, *, keep: bool) -> nn.Conv2d:
    made = nn.Conv2d(channels, stem.out_channels, 7, stride=2, padding=3, bias=False)
    if keep:
        made.weight.data = stem.weight.data.mean(1, keepdim=True).repeat(1, channels, 1, 1) * (3 / channels)
    else:
        nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made
