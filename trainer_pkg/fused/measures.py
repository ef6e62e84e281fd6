"""What trials measure of a batch that they validate or test together."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from trainer_pkg.data.rows import Rows
from trainer_pkg.fused.gathered import Gathered
from trainer_pkg.fused.losses import are_plain
from trainer_pkg.fused.member import Member
from trainer_pkg.fused.memory import give_back_much
from trainer_pkg.fused.networks import Evaluating, Layered
from trainer_pkg.fused.together import Team
from trainer_pkg.fused.tried import Tried
from trainer_pkg.metrics import HeadMetrics
from trainer_pkg.spec import Batch


class Measure(Protocol):
    """The networks of n trials, and what they have measured."""

    def add(self, batch: Batch, index: int) -> None:
        """Measure the batch with this number, for each trial's report."""
        ...

    def end(self) -> list[dict[str, Tensor]]:
        """Hand each trial what was measured; head name to the predicted labels of all rows, (N,), of a test."""
        ...


class Apart:
    """Any networks and losses, one after the other: each trial's own step.

    Args:
        members: The trials.
        is_test: Whether it is a test, not a validation.
        num_rows: The rows of all batches.
    """

    def __init__(self, members: Sequence[Member], is_test: bool, num_rows: int) -> None:
        self._members, self._is_test = members, is_test
        self._found = [Gathered(num_rows) for _ in members]

    def add(self, batch: Batch, index: int) -> None:
        for member, found in zip(self._members, self._found, strict=True):
            strategy = member.trainer.strategy  # it sets the precision of the step
            outputs: Any = (strategy.test_step if self._is_test else strategy.validation_step)(batch, index)
            found.add(outputs or {})

    def end(self) -> list[dict[str, Tensor]]:
        return [found.columns for found in self._found]


class Stacked:
    """Networks that are evaluated together, with plain cross entropies, for all trials at once.

    Args:
        members: The trials.
        is_test: Whether it is a test, not a validation.
        num_rows: The rows of all batches.
        network: Their networks.
        positions: The places of the trials in the network, which may have more.
    """

    def __init__(
        self, members: Sequence[Member], is_test: bool, num_rows: int, network: Evaluating, positions: Sequence[int]
    ) -> None:
        self._network, self._positions, self._is_test = network, list(positions), is_test
        stage = "test" if is_test else "val"
        self._metrics: list[HeadMetrics] = [member.module.stage_metrics[f"{stage}_metrics"] for member in members]  # type: ignore[misc]
        self._heads = list(members[0].module.criteria.weights)
        self._found = Gathered(num_rows)
        network.let_go()
        give_back_much()  # other sizes are needed now
        names = ("loss_sum_H", "correct_H", "error_sum_H")
        like = self._metrics[0].loss_sum_H
        self._sums = {name: like.new_zeros(len(members), len(self._heads)) for name in names}
        self._num_rows = 0

    def add(self, batch: Batch, index: int) -> None:
        outputs = self._network.evaluate(batch["image"], batch.get("aux"))
        losses, hits, errors, found = [], [], [], {}
        for head in self._heads:
            logits_nBK, labels_B = outputs[head].transpose(0, 1)[self._positions], batch[head]
            # In this order a mean over rows is rounded as alone; stacked, it would be summed in another one.
            losses.append(torch.stack([nll_loss(logs_BK, labels_B) for logs_BK in logits_nBK.log_softmax(2)]))
            best_nB = logits_nBK.argmax(2)
            hits.append((best_nB == labels_B).sum(1))
            errors.append((best_nB - labels_B).abs().float().sum(1))
            if self._is_test:
                found[head] = best_nB.int()
        self._found.add(found)
        num_rows = len(batch["image"])
        self._sums["loss_sum_H"] += torch.stack(losses, 1) * num_rows
        self._sums["correct_H"] += torch.stack(hits, 1)
        if self._metrics[0].measures_errors:
            self._sums["error_sum_H"] += torch.stack(errors, 1)
        self._num_rows += num_rows

    def end(self) -> list[dict[str, Tensor]]:
        for position, metrics in enumerate(self._metrics):
            metrics.add({name: sums_nH[position] for name, sums_nH in self._sums.items()}, self._num_rows)
        return [{head: all_nN[i] for head, all_nN in self._found.columns.items()} for i in range(len(self._metrics))]


def measure_of(members: Sequence[Member], is_test: bool, rows: Rows, num_rows: int) -> Measure:
    """The fastest that does what the trials' own steps do.

    Args:
        members: The trials.
        is_test: Whether it is a test, not a validation.
        rows: The rows that are measured.
        num_rows: How many of them the batches have.
    """
    team = members[0].team
    if team is None or any(member.team is not team for member in members) or not are_plain(members, rows):
        return Apart(members, is_test, num_rows)
    positions = [team.members.index(member) for member in members]
    network = _evaluating(team, len(members))
    if network is None or not all(_is_there(team, position) for position in positions):
        return Apart(members, is_test, num_rows)
    return Stacked(members, is_test, num_rows, network, positions)


def _evaluating(team: Team, num: int) -> Evaluating | None:
    """What evaluates so many of a team together; None: their own steps cost less, or nothing does."""
    if isinstance(team.network, Layered):
        return team.network
    is_for_all = num == len(team.members)  # it evaluates all of them, at their full cost
    return team.network if isinstance(team.network, Tried) and team.network.is_fast and is_for_all else None


def _is_there(team: Team, position: int) -> bool:
    """Whether a trial's module still has its numbers in the stack, loaded ones for instance."""
    module = team.members[position].module
    held: Mapping[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return all(held[name].data_ptr() == block[position].data_ptr() for name, block in team.stack.values.items())
