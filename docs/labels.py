"""Draws docs/labels.png, real images in a row for each bin of a measured label: `python docs/labels.py [DIR]`."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from trainer_pkg.data import DataModule
from trainer_pkg.data.strokes import StrokeLabels
from trainer_pkg.data.torchvision import TorchvisionImages

NUM_IMAGES = 12


def main(data_dir: Path) -> None:
    """Draw the first test images of each bin, with both heads' bins side by side."""
    source = TorchvisionImages(data_dir, "mnist", download=False)
    data = DataModule(
        source=source, cache_dir=data_dir / "cache", num_val=5000, labels=StrokeLabels(), eval_batch_size=10_000
    )
    data.setup()
    batch = next(iter(data.test_dataloader()))
    figure, sides = plt.subplots(1, 2, figsize=(12, 2.9), width_ratios=(1, 1))
    for axes, (head, target) in zip(sides, StrokeLabels().targets.items(), strict=True):
        rows = [batch["image"][batch[head] == label][:NUM_IMAGES, 0] for label in range(target.num_outputs)]
        axes.imshow(torch.cat([torch.cat(list(row), dim=1) for row in rows]), cmap="gray_r", aspect="equal")
        axes.set_yticks([14 + 28 * label for label in range(len(rows))], [str(label) for label in range(len(rows))])
        axes.set_xticks([])
        axes.set_title(head)
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("labels.png"), dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
