"""The order of the rows: a function of seed, epoch and position, so that a resumed run sees what it would have seen."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler


class Picked(NamedTuple):
    """The row numbers (B,) of a batch, and the seed of everything random in its transforms."""

    rows: Tensor
    seed: int


class BatchOrder(SequentialSampler):
    """Yields the rows of each batch; the last batch may be smaller.

    It is a SequentialSampler by name alone: with `overfit_batches`, Lightning replaces any other sampler by one that
    yields single rows.

    Args:
        num_rows: Rows of the data set.
        batch_size: Rows per batch and process.
        shuffle_seed: Seed of the order; None keeps the rows in their order.
        rank: Number of this process, from 0; the processes of a distributed run share each epoch.
        num_ranks: How many processes there are.
    """

    def __init__(
        self, num_rows: int, batch_size: int, shuffle_seed: int | None = None, rank: int = 0, num_ranks: int = 1
    ) -> None:
        self._num_rows, self._batch_size, self._seed = num_rows, batch_size, shuffle_seed
        self._rank, self._num_ranks = rank, num_ranks
        self._epoch = 0
        self._skip = self._next = 0
        self._has_begun = False
        self._rows = torch.empty(0, dtype=torch.long)

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self._epoch = epoch

    def resume_at(self, epoch: int, batch: int) -> None:
        """The next pass is epoch `epoch`, without its first `batch` batches."""
        self._epoch, self._skip = epoch, batch

    def __len__(self) -> int:
        rows = len(range(self._rank, self._num_rows, self._num_ranks))
        return -(-rows // self._batch_size)

    def __iter__(self) -> Iterator[Picked]:  # type: ignore[override]
        self._has_begun = False  # it begins with its first batch: loaders ask for iterators that they never use
        return self._rest()

    def take(self) -> Picked:
        """The next batch of the pass; its iterator goes on behind it."""
        self._begin()
        i, self._next = self._next, self._next + 1
        rows = self._rows[i * self._batch_size : (i + 1) * self._batch_size]
        return Picked(rows, hash((self._seed or 0, self._epoch, i, self._rank)) % 2**63)

    def _rest(self) -> Iterator[Picked]:
        self._begin()
        while self._next < len(self):
            yield self.take()

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            rows = _rows(self._num_rows, self._seed, self._epoch)
            self._rows = rows[self._rank :: self._num_ranks]
            self._next, self._skip = self._skip, 0


@functools.lru_cache(maxsize=1)
def _rows(num: int, seed: int | None, epoch: int) -> Tensor:
    """The rows of an epoch in their order, (num,); one tensor for the trials of a process that are at the same one."""
    if seed is None:
        return torch.arange(num)
    # One generator seed per (seed, epoch): a hash keeps neighbouring pairs from sharing a stream.
    generator = torch.Generator().manual_seed(hash((seed, epoch)) % 2**63)
    return torch.randperm(num, generator=generator)
