"""Batches of trials that train together: one for all where their orders are equal, else the rows of each."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer_pkg.data.sampler import Picked
from trainer_pkg.fused.member import Member
from trainer_pkg.spec import Batch

_MOST_BYTES = 2**30
"""The largest data set that is copied to a GPU as a whole."""


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
        members: The trials; their transforms are alike.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        first, *others = [member.rows for member in members]
        self._is_one_set = all(rows.is_like(first) for rows in others)
        self._at_once = self._is_one_set and not first.is_transformed
        is_small = self._at_once and first.num_bytes <= _MOST_BYTES
        self._rows = first.on(members[0].module.device) if is_small else first

    def take(self) -> JointBatch:
        """The next one."""
        picks = [member.order.take() for member in self._members]
        is_shared = self._is_one_set and all(_is_same(pick, picks[0]) for pick in picks[1:])
        first = self._members[0]
        batch = self._shared(picks[0]) if is_shared else self._own(picks)
        batch = first.trainer.strategy.batch_to_device(batch)
        return JointBatch(first.data.on_after_batch_transfer(batch, 0), is_shared)

    def _shared(self, pick: Picked) -> Batch:
        return self._rows[pick]

    def _own(self, picks: Sequence[Picked]) -> Batch:
        """The batch of each, stacked."""
        if self._at_once:
            rows = torch.cat([pick.rows for pick in picks])
            batch = self._shared(Picked(rows, picks[0].seed))
            return {name: column.view(len(picks), -1, *column.shape[1:]) for name, column in batch.items()}
        batches = [member.rows[pick] for member, pick in zip(self._members, picks, strict=True)]
        return {name: torch.stack([batch[name] for batch in batches]) for name in batches[0]}


def _is_same(one: Picked, two: Picked) -> bool:
    return one.seed == two.seed and (one.rows is two.rows or torch.equal(one.rows, two.rows))
