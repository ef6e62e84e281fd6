"""Steps on dict batches, built by configuration: any callable, by the names of what it reads and writes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import Batch

Step = Callable[[Batch], Batch]


class Compose:
    """Named steps in the order they are given; a step that is null is left out."""

    def __init__(self, **steps: Step | None) -> None:
        self._steps = [step for step in steps.values() if step is not None]

    def __call__(self, batch: Batch) -> Batch:
        for step in self._steps:
            batch = step(batch)
        return batch


class Wrap:
    """Any callable as a step, a transform of torchvision for instance.

    Args:
        transform: What is called.
        inputs: Entry of the batch that it is given; or a table, argument to entry.
        output: Entry that takes its result; None: the result is a table of entries.
        each: Whether it is called row by row. A random transform draws once a call: called with a whole batch, it
            would move all images alike.

    Raises:
        ConfigError: The batch has no such entry.
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
        names: Old name to new name; the rest stays.

    Raises:
        ConfigError: The batch has no such entry.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    def __call__(self, batch: Batch) -> Batch:
        kept = {name: column for name, column in batch.items() if name not in self._names}
        return {**kept, **{new: _entry(batch, old) for old, new in self._names.items()}}


def _entry(batch: Batch, name: str) -> Tensor:
    if name not in batch:
        raise ConfigError(f"A transform reads {name!r}, which the batch has not. Entries: {did_you_mean(name, batch)}")
    return batch[name]
