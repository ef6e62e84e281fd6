"""Labels measured from the pixels: how thick and how smooth the strokes are. The digit does not decide them."""

import torch
from torch import Tensor

from trainer_pkg.spec import Ordinal, Target

_CHUNK = 4096


class StrokeLabels:
    """Thickness and smoothness of the strokes, in bins that hold equally many training images.

    Both are measured on the brightness I of an image, scaled to 0..1. The sum of I is the area A of the strokes. The
    sum of the lengths of its gradient is the perimeter P of their outlines (coarea formula: Fleming and Rishel 1960).
    A stroke of width w and length l has A = w l and P = 2 l, so

        thickness = 2 A / P                       in pixels,
        smoothness = - sum |Laplacian of I| / P   in 1 / pixel: the mean sharpness of turns and edges, negated.

    Args:
        num_thickness: Bins of thickness, thin to thick.
        num_smoothness: Bins of smoothness, rough to smooth.

    Example:
        >>> thin, thick = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
        >>> thin[:, 4:24, 10:12], thick[:, 4:24, 10:16] = 255, 255
        >>> labels = StrokeLabels(num_thickness=2, num_smoothness=2)
        >>> images = torch.stack([thin, thick])
        >>> labels.fit(images)
        >>> labels(images, torch.tensor([1, 1]))["thickness"].tolist()
        [0, 1]
    """

    def __init__(self, num_thickness: int = 5, num_smoothness: int = 3) -> None:
        self._sizes = {"thickness": num_thickness, "smoothness": num_smoothness}
        self._edges: dict[str, Tensor] = {}
        self.name = f"strokes-{num_thickness}-{num_smoothness}"

    @property
    def targets(self) -> dict[str, Target]:
        return {name: Ordinal(num_classes=size) for name, size in self._sizes.items()}

    def fit(self, images: Tensor) -> None:
        """Take quantiles of the training images (N, C, H, W) as the edges of the bins."""
        for name, values in measure(images).items():
            size = self._sizes[name]
            shares = torch.arange(1, size, dtype=values.dtype) / size
            self._edges[name] = values.quantile(shares)

    def __call__(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Head name to bin (N,) int64, of images (N, C, H, W)."""
        return {name: torch.bucketize(values, self._edges[name]) for name, values in measure(images).items()}


def measure(images: Tensor) -> dict[str, Tensor]:
    """Thickness and smoothness, each (N,) float64, of uint8 images (N, C, H, W); channels are averaged."""
    parts = [_measure(chunk.double().mean(1) / 255) for chunk in torch.split(images, _CHUNK)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _measure(brightness_NHW: Tensor) -> dict[str, Tensor]:
    padded = torch.nn.functional.pad(brightness_NHW, (1, 1, 1, 1))
    right, down = padded.diff(dim=2)[:, :-1], padded.diff(dim=1)[:, :, :-1]
    perimeter_N = (right**2 + down**2).sqrt().sum((1, 2)).clamp(min=1e-9)
    laplacian = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
    bend_N = (laplacian - 4 * brightness_NHW).abs().sum((1, 2))
    return {"thickness": 2 * brightness_NHW.sum((1, 2)) / perimeter_N, "smoothness": -bend_N / perimeter_N}
