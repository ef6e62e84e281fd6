"""Steps on batches: any callable, with the names of the entries that it reads and writes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import Batch, DataSpec, Shape

Step = Callable[[Batch], Batch]


class Compose:
    """Named steps, one after the other; a step that is None is left out.

    Args:
        steps: Name to step. With names, a configuration can change or drop a single step.

    Example:
        >>> steps = Compose(double=Wrap(lambda image: image * 2, each=False), off=None)
        >>> steps({"image": torch.ones(1, 1, 1, 1)})["image"].item()
        2.0
    """

    def __init__(self, **steps: Step | None) -> None:
        self._steps = [step for step in steps.values() if step is not None]

    def __call__(self, batch: Batch) -> Batch:
        for step in self._steps:
            batch = step(batch)
        return batch


class Wrap:
    """Any callable as a step, for instance a transform of torchvision.

    Args:
        transform: The callable.
        inputs: Name of the entry that the callable gets; or a table, argument to entry.
        output: Name of the entry that takes the result; None: the result is a table of entries.
        each: Whether the callable gets one row at a time. A random transform draws once per call: with a whole batch
            it would move all images alike.

    Raises:
        ConfigError: The batch has no such entry.

    Example:
        >>> from torchvision.transforms.v2 import RandomCrop
        >>> crop = Wrap(RandomCrop(28, padding=2))
        >>> crop({"image": torch.zeros(4, 1, 28, 28)})["image"].shape
        torch.Size([4, 1, 28, 28])
        >>> add = Wrap(lambda a, b: a + b, inputs={"a": "digit", "b": "scale"}, output="sum")
        >>> add({"digit": torch.tensor([1, 2]), "scale": torch.tensor([10, 20])})["sum"]
        tensor([11, 22])
    """

    def __init__(
        self,
        transform: Callable[..., Any],
        inputs: str | Mapping[str, str] = "image",
        output: str | None = "image",
        each: bool = True,
    ) -> None:
        self._by_place = isinstance(inputs, str)
        self._names = {"": inputs} if isinstance(inputs, str) else dict(inputs)
        self._transform, self._output, self._each = transform, output, each

    def __call__(self, batch: Batch) -> Batch:
        columns = {argument: _entry(batch, name) for argument, name in self._names.items()}
        if self._each:
            rows = [self._call(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
            results = {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}
        else:
            results = self._call(columns)
        return {**batch, **results}

    def _call(self, arguments: Batch) -> Batch:
        result = self._transform(*arguments.values()) if self._by_place else self._transform(**arguments)
        return result if self._output is None else {self._output: result}


class Rename:
    """Gives entries new names.

    Args:
        names: Old name to new name; other entries keep theirs.

    Raises:
        ConfigError: The batch has no such entry.

    Example:
        >>> Rename({"digit": "label"})({"image": torch.zeros(1), "digit": torch.tensor([3])}).keys()
        dict_keys(['image', 'label'])
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    def __call__(self, batch: Batch) -> Batch:
        kept = {name: column for name, column in batch.items() if name not in self._names}
        return {**kept, **{new: _entry(batch, old) for old, new in self._names.items()}}


def shape_after(transform: Step, spec: DataSpec) -> Shape:
    """(C, H, W) of an image after a transform."""
    blank = {name: torch.zeros(1, dtype=torch.int64) for name in spec.targets}
    image = transform({**blank, "image": torch.zeros(1, *spec.input_shape, dtype=torch.uint8)})["image"]
    channels, height, width = image.shape[1:]
    if channels != spec.input_shape[0] and not image.is_floating_point():
        raise ConfigError(
            f"data.eval_transform makes {channels} channels of {spec.input_shape[0]}, whose mean and deviation are"
            " unknown: let it make floating-point images, normalised already."
        )
    return channels, height, width


def _entry(batch: Batch, name: str) -> Tensor:
    if name not in batch:
        known = did_you_mean(name, batch)
        raise ConfigError(f"A transform reads {name!r}, but the batch has no such entry. Entries: {known}")
    return batch[name]
