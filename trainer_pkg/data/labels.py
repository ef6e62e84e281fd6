"""More targets for the images of a data set."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from trainer_pkg.errors import ConfigError
from trainer_pkg.spec import Categorical, Target


class Labels(Protocol):
    """Makes more targets for a data set, from its images and their class labels.

    Example:
        >>> class Parity:
        ...     name = ""  # nothing worth keeping
        ...     targets = {"is_odd": Categorical(num_classes=2)}
        ...
        ...     def fit(self, images):
        ...         pass
        ...
        ...     def __call__(self, images, labels):
        ...         return {"is_odd": labels % 2}
        >>> Parity()(torch.zeros(2, 1, 28, 28), torch.tensor([3, 8]))
        {'is_odd': tensor([1, 0])}
    """

    @property
    def name(self) -> str:
        """Part of the name of the file that keeps the labels; empty: they are made anew each time."""
        ...

    @property
    def targets(self) -> dict[str, Target]:
        """Head name to target, for each of the columns made."""
        ...

    def fit(self, images: Tensor) -> None:
        """Learn what the labels need to know from the training images (N, C, H, W), uint8.

        It is not called of labels that have an attribute `learns` that is False.
        """
        ...

    def __call__(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Head name to labels (N,), of images (N, C, H, W), uint8, with the class labels (N,)."""
        ...


class ClassMaps:
    """One categorical target per table, each a function of the class label.

    Args:
        heads: Head name to table. Entry i of a table is the label of an image of class i.
        num_classes: Head name to number of classes; a head left out has as many as its highest label implies.

    Raises:
        ConfigError: A table holds something else than labels from 0 on, or more of them than the head has classes.

    Example:
        >>> labels = ClassMaps({"is_odd": [0, 1, 0, 1]})
        >>> labels.targets
        {'is_odd': Categorical(num_classes=2)}
        >>> labels(torch.zeros(2, 1, 28, 28), torch.tensor([3, 2]))
        {'is_odd': tensor([1, 0])}
    """

    name = ""
    learns = False  # else the images to learn from would be copied for nothing

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
        """Does nothing: the tables know all."""

    def __call__(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Head name to labels (N,) int64.

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
