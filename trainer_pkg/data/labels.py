"""Further targets made from the class label of an image."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Categorical, Target


class Labels(Protocol):
    """Makes further targets from the images (N, C, H, W) and their class labels (N,)."""

    @property
    def name(self) -> str:
        """Identifies what is made, in the name of a file that keeps it; empty where making it anew costs nothing."""
        ...

    @property
    def targets(self) -> dict[str, Target]: ...

    def fit(self, images: Tensor) -> None:
        """Learn what it needs from the training images."""
        ...

    def __call__(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]: ...


class ClassMaps:
    """One categorical target per table, each a function of the class label.

    Args:
        heads: Head name to a table whose entry i is the label of an image of class i. A head has as many classes as
            its highest label implies, or `num_classes[head]` where the table leaves the last ones unused.
        num_classes: Head name to number of classes.
    """

    name = ""

    def __init__(self, heads: Mapping[str, Sequence[int]], num_classes: Mapping[str, int] | None = None) -> None:
        for head, table in heads.items():
            odd = [label for label in table if not isinstance(label, int)]
            if odd:
                raise ConfigError(f"data.labels.heads.{head} holds {odd[0]!r}; labels are whole numbers from 0 on.")
        self._tables = {head: list(table) for head, table in heads.items()}
        sizes = dict(num_classes or {})
        self.targets: dict[str, Target] = {}
        for head, table in self._tables.items():
            size = int(sizes.get(head, max(table, default=0) + 1))
            if not table or min(table) < 0 or max(table) >= size:
                raise ConfigError(f"data.labels.heads.{head}={table} must hold labels from 0 to {size - 1}.")
            self.targets[head] = Categorical(num_classes=size)

    def fit(self, images: Tensor) -> None:
        """Nothing to learn from the images."""

    def __call__(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Map class labels (N,) to one (N,) int64 tensor a head.

        Raises:
            ConfigError: A table has fewer entries than the data has classes.
        """
        highest = int(labels.max())
        for head, table in self._tables.items():
            if highest >= len(table):
                raise ConfigError(
                    f"data.labels.heads.{head} has {len(table)} entries, but the data has {highest + 1} classes."
                )
        return {head: torch.tensor(table)[labels] for head, table in self._tables.items()}
