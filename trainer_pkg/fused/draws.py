"""The random numbers of trials that train together: each draws what it would draw alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, device


class Draws:
    """Random number generators of one trial: of the CPU, and of the device that it trains on.

    Args:
        on: The device.

    Attributes:
        generator: That of the device.
    """

    def __init__(self, on: device) -> None:
        self._index = on.index or 0
        usual = [torch.default_generator]
        if on.type == "cuda":
            usual.append(torch.cuda.default_generators[self._index])
        self._pairs = [(default, Generator(default.device)) for default in usual]
        self.generator = self._pairs[-1][1]

    def begin(self, states: Mapping[str, Any]) -> None:
        """Go on from the states of a trial's generators, as `rng_states` gives them."""
        self.set_states([states["torch"], *([states["cuda"][self._index]] if len(self._pairs) > 1 else [])])

    def end(self, states: dict[str, Any]) -> None:
        """Write into such states where the trial is now."""
        states["torch"], *others = self.states()
        for state in others:
            states["cuda"][self._index] = state

    def states(self) -> list[Tensor]:
        """The state of each generator."""
        return [own.get_state() for _, own in self._pairs]

    def set_states(self, states: list[Tensor]) -> None:
        """Set what `states` has given."""
        for (_, own), state in zip(self._pairs, states, strict=True):
            own.set_state(state)

    @contextmanager
    def in_use(self, *, of_device: bool = False) -> Iterator[None]:
        """While whatever draws without naming a generator draws from these.

        Args:
            of_device: On the device alone, which is cheaper.
        """
        pairs = self._pairs[-1:] if of_device else self._pairs
        before = [default.get_state() for default, _ in pairs]
        for default, own in pairs:
            default.set_state(own.get_state())
        try:
            yield
        finally:
            for (default, own), state in zip(pairs, before, strict=True):
                own.set_state(default.get_state())
                default.set_state(state)


class JointDraws:
    """The random numbers of all trials. Trials of one seed have the same ones: these are drawn once for all.

    Args:
        each: Those of each trial.

    Attributes:
        each: The same.
    """

    def __init__(self, each: Sequence[Draws]) -> None:
        self.each = each
        self._are_one = self._were_asked_for = False

    @property
    def different(self) -> Sequence[Draws]:
        """Those of each trial, or of the first one for all."""
        self._were_asked_for = True
        return self.each[:1] if self._are_one else self.each

    @property
    def generators(self) -> list[Generator]:
        """One per trial, or one for all."""
        return [draws.generator for draws in self.different]

    def begin(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Go on from such states of each trial."""
        for draws, its_states in zip(self.each, states, strict=True):
            draws.begin(its_states)
        self._compare()

    def end(self, states: Sequence[dict[str, Any]]) -> None:
        """Write into the states of each trial where it is now."""
        self.set_states(self.states())
        for draws, its_states in zip(self.each, states, strict=True):
            draws.end(its_states)

    def states(self) -> list[list[Tensor]]:
        """Where each trial is now."""
        shared = self.each[0].states() if self._are_one and self._were_asked_for else None
        return [shared or draws.states() for draws in self.each]

    def set_states(self, states: Sequence[list[Tensor]]) -> None:
        """Set what `states` has given."""
        for draws, its_states in zip(self.each, states, strict=True):
            draws.set_states(its_states)
        self._compare()

    def _compare(self) -> None:
        first, *others = [draws.states() for draws in self.each]
        self._are_one = all(all(map(torch.equal, first, other)) for other in others)
        self._were_asked_for = False
