"""What every family of networks offers to the rest."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import Shape

Widths = TypeVar("Widths")


class Backbone(nn.Module):
    """Maps images (B, C, H, W) to features (B, num_features)."""

    num_features: int
    is_convolutional: bool = False
    """Whether channels_last memory makes it faster."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not define forward")


class BackboneFactory(Protocol):
    """A family's constructor with its options bound by the configuration.

    Takes `size`, and `num_aux` where scalars beside the image can be used.
    """

    def __call__(self, input_shape: Shape, **asked: Any) -> Backbone: ...


def widths_of(size: str, sizes: Mapping[str, Widths], own: Sequence[int] | None = None) -> Widths:
    """Look a size up in a family's table.

    Args:
        size: Row of the table.
        sizes: The table.
        own: Widths to take instead, as many as the rows of the table have, or any number where those differ.

    Raises:
        ConfigError: The family has no such size, or not so many widths.
    """
    if own is not None:
        lengths = {len(widths) for widths in sizes.values()}  # type: ignore[arg-type]
        is_whole = all(isinstance(width, int) and width > 0 for width in own)
        if not own or not is_whole or (len(lengths) == 1 and len(own) not in lengths):
            wanted = f"{lengths.pop()}" if len(lengths) == 1 else "one or more"
            raise ConfigError(f"model.net.widths={list(own)} must be {wanted} whole numbers of at least 1.")
        return tuple(own)  # type: ignore[return-value]
    if not isinstance(size, str) or size not in sizes:
        raise ConfigError(f"model.size={size} is unknown to this family. Sizes: {did_you_mean(size, sizes)}")
    return sizes[size]
