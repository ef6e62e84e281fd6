"""Batches of trials that train together: one for all where their orders are equal, else the rows of each."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer_pkg.data.sampler import Picked
from trainer_pkg.fused.member import Member
from trainer_pkg.spec import Batch


class JointBatch:
    """A batch for n trials.

    Args:
        batch: Entries (B, ...) if all trials share them, else (n, B, ...).
        is_shared: Whether all do.
    """

    def __init__(self, batch: Batch, is_shared: bool) -> None:
        self._batch, self._is_shared = batch, is_shared

    @property
    def image(self) -> Tensor:
        return self._batch["image"]

    @property
    def aux(self) -> Tensor | None:
        return self._batch.get("aux")

    def labels(self, head: str) -> Tensor:
        """The labels of a head, (B, n), or (B, 1) if all trials share them."""
        labels = self._batch[head]
        return labels.unsqueeze(1) if self._is_shared else labels.t()

    def of(self, position: int) -> Batch:
        """The batch of one trial."""
        return self._batch if self._is_shared else {name: column[position] for name, column in self._batch.items()}


class Batches:
    """The next batches of the trials.

    Args:
        members: The trials.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members

    def take(self) -> JointBatch:
        """The next one."""
        picks = [member.order.take() for member in self._members]
        first, *others = picks
        is_shared = all(pick.rows is first.rows or torch.equal(pick.rows, first.rows) for pick in others)
        picked = first if is_shared else Picked(torch.cat([pick.rows for pick in picks]), first.seed)
        member = self._members[0]
        batch = member.trainer.strategy.batch_to_device(member.rows[picked])
        batch = member.data.on_after_batch_transfer(batch, 0)
        if not is_shared:
            shape = (len(picks), len(first.rows))
            batch = {name: column.unflatten(0, shape) for name, column in batch.items()}
        return JointBatch(batch, is_shared)
