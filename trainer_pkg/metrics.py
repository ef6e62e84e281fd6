"""Accuracy and loss of every head over an epoch."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torchmetrics import Metric


class HeadMetrics(Metric):
    """Mean loss and accuracy of each head over the rows seen since the last reset.

    One metric with vector states for all heads: a step costs three additions, however many heads there are.

    Args:
        heads: Head names in the order of the data set.
    """

    full_state_update = False
    loss_sum_H: Tensor
    correct_H: Tensor
    num_rows: Tensor

    def __init__(self, heads: list[str]) -> None:
        super().__init__()
        self.heads = heads
        zeros = torch.zeros(len(heads), dtype=torch.float32)
        self.add_state("loss_sum_H", zeros, dist_reduce_fx="sum", persistent=True)
        self.add_state("correct_H", zeros.clone(), dist_reduce_fx="sum", persistent=True)
        self.add_state("num_rows", torch.tensor(0), dist_reduce_fx="sum", persistent=True)

    def update(self, losses_H: Tensor, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> None:
        """Add a batch: mean loss per head (H,), outputs (B, K) and labels (B,) by head."""
        num_rows = len(batch[self.heads[0]])
        hits = [(outputs[head].argmax(dim=1) == batch[head]).sum() for head in self.heads]
        self.loss_sum_H += losses_H.detach() * num_rows
        self.correct_H += torch.stack(hits)
        self.num_rows += num_rows

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean loss and accuracy, each (H,)."""
        return self.loss_sum_H / self.num_rows, self.correct_H / self.num_rows
