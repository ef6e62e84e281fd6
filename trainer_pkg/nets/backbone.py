"""The seam between a family of networks and the rest."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import DataSpec, Shape

Widths = TypeVar("Widths")


class Backbone(nn.Module):
    """Maps images (B, C, H, W) to features (B, num_features); heads are put on the features.

    A subclass sets `num_features` in its constructor. The constructor's first argument is the shape of an image; it may
    take `size`, a row of a table of sizes, and `num_aux`, the number of scalars that come with each image. If it takes
    `num_aux`, `forward` gets the scalars as a second argument, (B, num_aux).

    Attributes:
        num_features: Width of the features.
        is_convolutional: Whether channels_last memory makes it faster.

    Example:
        One class, and one file `configs/model/backbone/pixels.yaml` that makes it `model=pixels`:

            # @package model.net
            _target_: my_package.pixels.Pixels
            _partial_: true

        >>> import torch
        >>> class Pixels(Backbone):
        ...     def __init__(self, input_shape, size="base"):
        ...         super().__init__()
        ...         channels, height, width = input_shape
        ...         self.num_features = widths_of(size, {"tiny": (8,), "base": (64,)})[0]
        ...         self.layer = nn.Linear(channels * height * width, self.num_features)
        ...
        ...     def forward(self, images_BCHW):
        ...         return self.layer(images_BCHW.flatten(1)).relu()
        >>> Pixels((1, 28, 28), size="tiny")(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 8])
    """

    num_features: int
    is_convolutional: bool = False

    def forward(self, images_BCHW: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not define forward")


class BackboneFactory(Protocol):
    """A family's constructor with its options bound by the configuration.

    It may take `size`, and `num_aux` if the family can use scalars beside the image.
    """

    def __call__(self, input_shape: Shape, **options: Any) -> Backbone: ...


def build_backbone(net: BackboneFactory, spec: DataSpec, size: str | None = None) -> Backbone:
    """Make a backbone for the images of a data set.

    Args:
        net: The family.
        spec: The data set's shape and number of scalars.
        size: Row of the family's table of sizes; None: its usual one. A family without an argument `size` has one size
            alone and takes no notice, so that a sweep over `size` may contain it.

    Raises:
        ConfigError: The data has scalars beside the image, and the family cannot use them.

    Example:
        >>> from trainer_pkg.nets.dense import Dense
        >>> spec = DataSpec(input_shape=(1, 28, 28), targets={})
        >>> build_backbone(Dense, spec, size="tiny").num_features
        10
    """
    arguments = inspect.signature(net).parameters
    options: dict[str, Any] = {}
    if size is not None and "size" in arguments:
        options["size"] = size
    if spec.num_aux:
        if "num_aux" not in arguments:
            raise ConfigError(
                f"model.net takes no scalars beside the image, and this data has {spec.num_aux}: use model=cnn, or"
                " data without them."
            )
        options["num_aux"] = spec.num_aux
    return net(spec.input_shape, **options)


def widths_of(size: str, sizes: Mapping[str, Widths], custom: Sequence[int] | None = None) -> Widths:
    """Look up a size in a family's table.

    Args:
        size: Row of the table.
        sizes: The table.
        custom: Custom widths in place of a row; as many as the table's rows have, if those agree. None: the row.

    Raises:
        ConfigError: The family has no such size, or the custom widths are not as many, or not positive whole numbers.

    Example:
        >>> widths_of("tiny", {"tiny": (8, 16), "base": (32, 64)})
        (8, 16)
        >>> widths_of("tiny", {"tiny": (8, 16), "base": (32, 64)}, custom=[5, 6])
        (5, 6)
    """
    if custom is not None:
        return _checked(custom, {len(widths) for widths in sizes.values()})  # type: ignore[return-value, arg-type]
    if not isinstance(size, str) or size not in sizes:
        raise ConfigError(f"model.size={size} is unknown to this family. Sizes: {did_you_mean(size, sizes)}")
    return sizes[size]


def _checked(custom: Sequence[int], lengths: set[int]) -> tuple[int, ...]:
    """Custom widths as a tuple, if their number is the one length that the rows of the table have."""
    is_whole = all(isinstance(width, int) and width > 0 for width in custom)
    if not custom or not is_whole or (len(lengths) == 1 and len(custom) not in lengths):
        wanted = f"{lengths.pop()}" if len(lengths) == 1 else "one or more"
        raise ConfigError(f"model.net.widths={list(custom)} must be {wanted} whole numbers of at least 1.")
    return tuple(custom)
