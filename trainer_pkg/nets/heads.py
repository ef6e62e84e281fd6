"""Backbone, adapter and heads as one network; kinds of heads."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from trainer_pkg.errors import ConfigError
from trainer_pkg.nets.backbone import Backbone

AdapterFactory = Callable[[int], nn.Module]
"""Makes an adapter from the width of a backbone's features; `num_features` of what it makes is the new width."""

HeadFactory = Callable[[int, int], nn.Module]
"""Makes a head from the number of features and the number of outputs."""


class MultiheadNetwork(nn.Module):
    """A backbone, an adapter where there is one, and one head per target.

    Args:
        backbone: Maps (B, C, H, W) to (B, F).
        num_outputs: Head name to number of outputs, in the order of the data set.
        adapter: Made for the backbone's width; None: the heads read the backbone's features.
        head: Makes each head.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_outputs: Mapping[str, int],
        adapter: AdapterFactory | None = None,
        head: HeadFactory = nn.Linear,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.adapter = nn.Identity() if adapter is None else adapter(backbone.num_features)
        num_features = int(getattr(self.adapter, "num_features", backbone.num_features))
        self.heads = nn.ModuleDict({name: head(num_features, outputs) for name, outputs in num_outputs.items()})

    def forward(self, images_BCHW: Tensor, aux_BA: Tensor | None = None) -> dict[str, Tensor]:
        """Head name to output (B, num_outputs); `aux_BA` are the data's scalars, where it has some."""
        features_BF = self.backbone(images_BCHW) if aux_BA is None else self.backbone(images_BCHW, aux_BA)
        adapted_BF = self.adapter(features_BF)
        return {name: head(adapted_BF) for name, head in self.heads.items()}


class HiddenHead(nn.Sequential):
    """A hidden layer of its own for each head.

    Args:
        num_in: Number of features.
        num_out: Number of outputs.
        width: Width of the hidden layer.
        dropout: Share of its features dropped.
    """

    def __init__(self, num_in: int, num_out: int, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(num_in, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, num_out))


class IdentityHead(nn.Identity):
    """The adapter's features are the outputs.

    Args:
        num_in: Number of features.
        num_out: Number of outputs.

    Raises:
        ConfigError: The two differ.
    """

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        if num_in != num_out:
            raise ConfigError(
                f"model/head=identity needs as many features as outputs: {num_in} features, {num_out} outputs."
                f" Set model/adapter=linear model.adapter.width={num_out}."
            )
