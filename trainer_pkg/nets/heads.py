"""Backbone, adapter and heads as one network; kinds of heads."""

from collections.abc import Callable, Collection, Mapping

from torch import Tensor, nn

from trainer_pkg.errors import ConfigError
from trainer_pkg.nets.backbone import Backbone

AdapterFactory = Callable[[int], nn.Module]
"""Makes an adapter from the number of a backbone's features; the adapter's `num_features` is the new number."""

HeadFactory = Callable[[int, int], nn.Module]
"""Makes a head from the number of features and the number of outputs."""


class MultiheadNetwork(nn.Module):
    """A backbone, an adapter where there is one, and one head per target.

    Args:
        backbone: Maps (B, C, H, W) to (B, F).
        num_outputs: Head name to number of outputs, in the order of the data set.
        adapter: Made for the backbone's features; None: the heads read the backbone's features.
        head: Makes each head.
        read: The heads whose outputs anybody reads. The others are built, so that one seed gives each network of a
            sweep the same start, but they are frozen and never run. None: all.

    Attributes:
        read: The names of these heads, in the order of the data set.

    Example:
        >>> import torch
        >>> from trainer_pkg.nets.dense import Dense
        >>> network = MultiheadNetwork(Dense((1, 28, 28)), {"digit": 10, "thickness": 5})
        >>> {head: tuple(output.shape) for head, output in network(torch.zeros(2, 1, 28, 28)).items()}
        {'digit': (2, 10), 'thickness': (2, 5)}
    """

    def __init__(
        self,
        backbone: Backbone,
        num_outputs: Mapping[str, int],
        adapter: AdapterFactory | None = None,
        head: HeadFactory = nn.Linear,
        read: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.adapter = nn.Identity() if adapter is None else adapter(backbone.num_features)
        num_features = int(getattr(self.adapter, "num_features", backbone.num_features))
        self.heads = nn.ModuleDict({name: head(num_features, outputs) for name, outputs in num_outputs.items()})
        self.read = [name for name in num_outputs if read is None or name in read]
        for name in num_outputs:
            self.heads[name].requires_grad_(name in self.read)

    def forward(self, images_BCHW: Tensor, aux_BA: Tensor | None = None) -> dict[str, Tensor]:
        """Name of each head that is read to output, (B, num_outputs).

        Args:
            images_BCHW: Normalised images.
            aux_BA: Scalars that come with the images; None: the data has none.
        """
        features_BF = self.backbone(images_BCHW) if aux_BA is None else self.backbone(images_BCHW, aux_BA)
        adapted_BF = self.adapter(features_BF)
        return {name: self.heads[name](adapted_BF) for name in self.read}


class HiddenHead(nn.Sequential):
    """A head with a hidden layer of its own.

    Args:
        num_in: Number of features.
        num_out: Number of outputs.
        width: Width of the hidden layer.
        dropout: Share of the hidden features dropped.

    Example:
        `model/head=hidden model.head.width=32`

        >>> HiddenHead(num_in=64, num_out=10, width=32)[0].out_features
        32
    """

    def __init__(self, num_in: int, num_out: int, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(num_in, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, num_out))


class IdentityHead(nn.Identity):
    """A head that passes the adapter's features on as its outputs.

    Args:
        num_in: Number of features.
        num_out: Number of outputs.

    Raises:
        ConfigError: The two numbers differ.

    Example:
        `model/head=identity model/adapter=linear model.adapter.width=10`

        >>> IdentityHead(num_in=10, num_out=10)
        IdentityHead()
    """

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        if num_in != num_out:
            raise ConfigError(
                f"model/head=identity needs as many features as outputs: {num_in} features, {num_out} outputs."
                f" Set model/adapter=linear model.adapter.width={num_out}."
            )
