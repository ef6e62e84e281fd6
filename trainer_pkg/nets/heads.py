"""One linear output a target."""

from collections.abc import Mapping

from torch import Tensor, nn

from trainer_pkg.nets.backbone import Backbone
from trainer_pkg.spec import Target


class MultiheadNetwork(nn.Module):
    """A backbone with one linear head per target.

    Args:
        backbone: Maps (B, C, H, W) to (B, F).
        targets: Head name to target, in the order of the data set.
    """

    def __init__(self, backbone: Backbone, targets: Mapping[str, Target]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(
            {head: nn.Linear(backbone.num_features, target.num_outputs) for head, target in targets.items()}
        )

    def forward(self, images_BCHW: Tensor) -> dict[str, Tensor]:
        """Head name to output (B, num_outputs)."""
        features_BF = self.backbone(images_BCHW)
        return {name: head(features_BF) for name, head in self.heads.items()}
