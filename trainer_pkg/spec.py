"""What a data set knows about itself: networks and heads are built from it."""

from dataclasses import dataclass

from torch import Tensor

Shape = tuple[int, int, int]
"""Channels, height, width."""

Batch = dict[str, Tensor]
"""`image` (B, C, H, W), one (B,) entry per target, and `aux` (B, A) if the data has scalars beside the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical:
    """Unordered classes, labelled 0 to num_classes - 1 (int64)."""

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
    """Ordered classes: label i stands for the value low + i * step in the target's own unit."""

    low: float = 0.0
    step: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuous:
    """A number in the closed range low to high, in the target's own unit (float32)."""

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
        targets: Head name to target. The first one is the primary head.
        num_aux: Scalars that come with each image, as `aux` (B, num_aux) of a batch.
    """

    input_shape: Shape
    targets: dict[str, Target]
    num_aux: int = 0

    @property
    def primary(self) -> str:
        return next(iter(self.targets))
