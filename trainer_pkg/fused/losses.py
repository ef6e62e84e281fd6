"""Losses of stacked outputs: their slopes, and what is measured beside them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer_pkg.data.rows import Rows
from trainer_pkg.fused.batches import JointBatch
from trainer_pkg.fused.member import Member


class Losses(Protocol):
    """The losses of n trials."""

    def slopes(self, outputs: Mapping[str, Tensor], batch: JointBatch) -> dict[str, Tensor]:
        """Measure a batch for each trial's report.

        Args:
            outputs: Head name to outputs, (B, n, K).
            batch: The batch.

        Returns:
            Head name to gradients of the outputs, (B, n, K).
        """
        ...

    def begin(self) -> None:
        """Go on with what each trial has measured."""
        ...

    def end(self) -> None:
        """Hand each trial what was measured for it since."""
        ...


class CrossEntropies:
    """Plain cross entropy at every trained head, for all trials at once.

    Args:
        members: The trials.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._heads = list(members[0].module.criteria.weights)
        self._weights_nH = torch.stack([member.weights_H for member in members])
        self._sums: dict[str, Tensor] = {}
        self._num_rows = 0

    def begin(self) -> None:
        names = ("loss_sum_H", "correct_H", "error_sum_H")
        metrics = [member.metrics for member in self._members]
        self._sums = {name: torch.stack([getattr(of_one, name) for of_one in metrics]) for name in names}
        self._num_rows = 0

    def slopes(self, outputs: Mapping[str, Tensor], batch: JointBatch) -> dict[str, Tensor]:
        found, losses, hits, errors = {}, [], [], []
        for position, head in enumerate(self._heads):
            logits_BnK, labels_Bn = outputs[head], batch.labels(head)
            logs_BnK = logits_BnK.log_softmax(2)
            labels_Bn1 = labels_Bn.unsqueeze(2).expand(-1, len(self._members), 1)
            losses.append(logs_BnK.gather(2, labels_Bn1).mean(0).flatten())
            scale_1n1 = (-self._weights_nH[:, position] / len(logits_BnK)).view(1, -1, 1)
            slopes_BnK = torch.zeros_like(logs_BnK).scatter_(2, labels_Bn1, scale_1n1.expand_as(labels_Bn1))
            found[head] = torch.ops.aten._log_softmax_backward_data(slopes_BnK, logs_BnK, 2, logs_BnK.dtype)
            best_Bn = logits_BnK.argmax(2)
            hits.append((best_Bn == labels_Bn).sum(0))
            if self._members[0].metrics.measures_errors:
                errors.append((best_Bn - labels_Bn).abs().float().sum(0))
        num_rows = len(logits_BnK)
        self._sums["loss_sum_H"] -= torch.stack(losses, 1) * num_rows
        self._sums["correct_H"] += torch.stack(hits, 1)
        if errors:
            self._sums["error_sum_H"] += torch.stack(errors, 1)
        self._num_rows += num_rows
        return found

    def end(self) -> None:
        for position, member in enumerate(self._members):
            for name, sums_nH in self._sums.items():
                getattr(member.metrics, name).copy_(sums_nH[position])
            member.metrics.num_rows += self._num_rows


class Apart:
    """Whatever losses the trials have: each trial's own, on its own outputs.

    Args:
        members: The trials.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._parameters = [parameter for member in members for parameter in member.module.criteria.parameters()]

    def begin(self) -> None:
        """Nothing to do: the trials' metrics are used as they are."""

    def end(self) -> None:
        """Nothing to do."""

    def slopes(self, outputs: Mapping[str, Tensor], batch: JointBatch) -> dict[str, Tensor]:
        found = {head: torch.zeros_like(outputs_BnK) for head, outputs_BnK in outputs.items()}
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.zero_()
        for position, member in enumerate(self._members):
            # In memory as alone: sums over what lies apart are rounded otherwise.
            mine = {head: all_BnK[:, position].contiguous().detach() for head, all_BnK in outputs.items()}
            for outputs_BK in mine.values():
                outputs_BK.requires_grad_()
            its = batch.of(position)
            with torch.enable_grad():
                losses_H = member.module.criteria(mine, its)
                member.module.balancer(losses_H).backward()
            member.metrics.update(losses_H, member.module.criteria.predict(mine), its)
            for head, outputs_BK in mine.items():
                if outputs_BK.grad is not None:
                    found[head][:, position] = outputs_BK.grad
        return found


def losses_of(members: Sequence[Member]) -> Losses:
    """The fastest that does what the trials' own losses do."""
    return CrossEntropies(members) if are_plain(members, members[0].rows) else Apart(members)


def are_plain(members: Sequence[Member], rows: Rows) -> bool:
    """Whether all losses of the trials are plain cross entropies, and all labels of the rows are counted."""
    heads = members[0].module.criteria.weights
    losses = [member.module.criteria.heads[head].loss for member in members for head in heads]
    return all(map(_is_plain, losses)) and all(rows.least(head) >= 0 for head in heads)


def _is_plain(loss: object) -> bool:
    """Whether it is the cross entropy of classes, all of one weight."""
    return (
        type(loss) is nn.CrossEntropyLoss
        and loss.weight is None
        and loss.reduction == "mean"
        and loss.ignore_index < 0
        and loss.label_smoothing == 0
    )
