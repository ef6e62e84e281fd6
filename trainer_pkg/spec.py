"""What a data set knows about itself. Networks and heads are built from it, so no configuration repeats it."""

from dataclasses import dataclass

from torch import Tensor

Shape = tuple[int, int, int]
"""Channels, height, width."""

Batch = dict[str, Tensor]
"""`image` (B, C, H, W), one entry (B,) per target, and `aux` (B, A) if the data has scalars beside the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical:
    """Unordered classes, with the labels 0 to num_classes - 1 (int64).

    >>> Categorical(num_classes=10).num_outputs
    10
    """

    num_classes: int

    @property
    def num_outputs(self) -> int:
        return self.num_classes

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest label."""
        return 0, self.num_classes - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinal(Categorical):
    """Ordered classes: label i means the value low + i * step in the target's own unit.

    >>> Ordinal(num_classes=5, low=1990.0).range  # of the labels; their values are 1990 to 1994
    (0, 4)
    """

    low: float = 0.0
    step: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuous:
    """A number from low to high, both included, in the target's own unit (float32).

    >>> Continuous(low=-1.0, high=3.0).num_outputs
    1
    """

    low: float
    high: float

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high


Target = Categorical | Continuous


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """Shape of one image and the ordered targets of a data set.

    Attributes:
        input_shape: (C, H, W) of one image.
        targets: Head name to target. The first head is the primary one.
        num_aux: Scalars that come with each image, in a batch as `aux` (B, num_aux).

    Example:
        >>> targets = {"species": Categorical(num_classes=12), "age": Continuous(low=0.0, high=90.0)}
        >>> spec = DataSpec(input_shape=(3, 64, 64), targets=targets)
        >>> spec.primary
        'species'
    """

    input_shape: Shape
    targets: dict[str, Target]
    num_aux: int = 0

    @property
    def primary(self) -> str:
        """The head whose best validation metric is followed."""
        return next(iter(self.targets))
