"""The rows of one split."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer_pkg.data.sampler import Picked
from trainer_pkg.data.transforms import Step
from trainer_pkg.spec import Batch


class Rows(Dataset[Batch]):
    """Some rows of a data set, transformed when a batch of them is picked.

    Args:
        columns: The whole data set; it is not copied.
        rows: Numbers of the rows, (N,).
        transform: Changes each batch; None leaves it as it is.
    """

    def __init__(self, columns: Batch, rows: Tensor, transform: Step | None = None) -> None:
        self._columns, self._rows, self._transform = columns, rows, transform
        self._on: dict[torch.device, Rows] = {}

    def __getitem__(self, picked: Picked) -> Batch:
        # Seven times faster than by brackets.
        rows = self._rows.index_select(0, picked.rows.to(self._rows.device, non_blocking=True))
        batch = {name: column.index_select(0, rows) for name, column in self._columns.items()}
        if self._transform is None:
            return batch
        # With a seed per batch, neither the number of loader processes nor a resumption changes what is drawn; dropout
        # draws from another generator.
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(picked.seed)
            return self._transform(batch)

    def on(self, device: torch.device) -> "Rows":
        """These rows with the whole data set on a device, copied once."""
        if device == self._rows.device:
            return self
        if device not in self._on:
            columns = {name: column.to(device) for name, column in self._columns.items()}
            self._on[device] = Rows(columns, self._rows.to(device), self._transform)
        return self._on[device]

    @property
    def num_bytes(self) -> int:
        """Size of the whole data set."""
        return sum(column.nbytes for column in self._columns.values())

    @property
    def is_transformed(self) -> bool:
        """Whether batches are changed as they are picked."""
        return self._transform is not None

    def is_like(self, other: "Rows") -> bool:
        """Whether it has the rows of another one, transforms aside."""
        if not torch.equal(self._rows, other._rows) or self._columns.keys() != other._columns.keys():
            return False
        pairs = ((column, other._columns[name]) for name, column in self._columns.items())
        return all(one.data_ptr() == two.data_ptr() or torch.equal(one, two) for one, two in pairs)

    def least(self, name: str) -> float:
        """The least value of a column."""
        return float(self._columns[name].min())

    def __len__(self) -> int:
        return len(self._rows)
