"""Trains trials together: the batches of an epoch between its first and its last one."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from trainer_pkg.fused.batches import Batches, JointBatch
from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.losses import losses_of
from trainer_pkg.fused.member import Member
from trainer_pkg.fused.optimizers import step_of
from trainer_pkg.fused.stack import Stack, with_gradient
from trainer_pkg.fused.ways import network_of

_LOOK_S = 0.1
"""Time between two looks at what the trials are asked for, which are system calls."""


class Team:
    """Trials that train together for as long as they are the same ones.

    Args:
        members: The trials; each has trained on a batch of its own in this fit.

    Attributes:
        members: The same.
        stack: Their parameters.
        network: Their networks.
    """

    stack: Stack

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        modules = [member.module for member in members]
        known = next((member.team.stack.trained for member in members if member.team), None)
        self.stack = Stack(modules, known or with_gradient(modules[0]))
        self._draws = JointDraws([Draws(member.module.device) for member in members])
        self.network = network_of(modules, self.stack, self._draws)
        self._losses = losses_of(members)
        self._step = step_of(self.stack, [member.optimizer for member in members])
        for member in members:
            member.team = self

    def train(self) -> int:
        """Train all up to the last batch of the epoch, or until one of them is called away; the number of batches."""
        batches, num, next_look = Batches(self.members), 0, 0.0
        most = min(member.num_batches - member.num_done for member in self.members) - 1
        with self._begun(), torch.no_grad():
            while num < most and not self.members[0].trainer.received_sigterm:
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + _LOOK_S
                    if self._are_called(num):
                        break
                self._train_on(batches.take())
                num += 1
        return num

    def _train_on(self, batch: JointBatch) -> None:
        outputs = self.network.forward(batch.image, batch.aux)
        self.network.backward(self._losses.slopes(outputs, batch))
        self._clip()
        self._step.step()

    def _clip(self) -> None:
        for position, member in enumerate(self.members):
            limit = member.trainer.gradient_clip_val
            if limit:
                clip = clip_grad_value_ if member.trainer.gradient_clip_algorithm == "value" else clip_grad_norm_
                clip(self.stack.trained_of(position), limit)

    def _are_called(self, num_further: int) -> bool:
        for member in self.members:
            member.tell(num_further)
        return any(member.is_called for member in self.members)

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """While the trials' random numbers, sums and counts are here."""
        states = [member.place.draws for member in self.members]
        self.network.let_go()
        self._draws.begin(states)
        self.stack.hand_gradients()
        self._losses.begin()
        self._step.begin()
        yield
        self._step.end()
        self._losses.end()
        self._draws.end(states)


def train_together(members: Sequence[Member]) -> list[int]:
    """Train trials that are at the same batch of the same epoch; for each the number of further batches.

    It ends before the last batch of the epoch, or earlier where a trial should be pruned or the process should end.
    """
    team = members[0].team
    if team is None or team.members != list(members):
        team = Team(members)
    with _handler_of(members[0]):
        num = team.train()
    return [num] * len(members)


@contextmanager
def _handler_of(member: Member) -> Iterator[None]:
    """Handle SIGTERM as this trial does; it tells the others."""
    before: Any = signal.signal(signal.SIGTERM, member.place.on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
