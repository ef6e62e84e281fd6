"""A step of each trial's optimizer: one operation for all trials where their numbers are equal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from trainer_pkg.fused.memory import give_back
from trainer_pkg.fused.stack import Stack

_Vectors = Mapping[str, list[Tensor]]


class Step(Protocol):
    """The optimizers of n trials."""

    def begin(self) -> None:
        """Read what their schedulers have set."""
        ...

    def step(self) -> None:
        """One step of each."""
        ...

    def end(self) -> None:
        """Hand the number of steps to each."""
        ...


class Apart:
    """Any optimizers, one after the other.

    Args:
        optimizers: One per trial.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = optimizers

    def begin(self) -> None:
        """Nothing to do."""

    def step(self) -> None:
        for optimizer in self._optimizers:
            optimizer.step()

    def end(self) -> None:
        """Nothing to do: they have counted themselves."""


class Elementwise:
    """Adam, AdamW or SGD: a step looks at each number for itself, so one operation reaches all trials.

    What the optimizers remember become slices of a stack, too.

    Args:
        stack: The stack of their parameters.
        optimizers: One per trial, all of one kind; each has made a step.
        kept: The names of what they remember per parameter.
        kernel: Makes a step: the vectors by name, the settings, and the number of steps with this one.
    """

    def __init__(
        self,
        stack: Stack,
        optimizers: Sequence[Optimizer],
        kept: Sequence[str],
        kernel: Callable[[_Vectors, Mapping[str, Any], Tensor], None],
    ) -> None:
        self._optimizers, self._kernel = optimizers, kernel
        self._parameters = [stack.trained_of(position) for position in range(len(optimizers))]
        vectors = {"values": stack.all_values, "gradients": stack.all_gradients}
        self._all = {name: stack.pieces(vector) for name, vector in vectors.items()}
        tables = {"values": stack.values, "gradients": stack.gradients}
        for name in kept:
            vector = torch.empty_like(stack.all_values)
            self._all[name], tables[name] = stack.pieces(vector), stack.blocks(vector)
            for position, optimizer in enumerate(optimizers):
                for parameter, block in zip(self._parameters[position], tables[name].values(), strict=True):
                    state = optimizer.state[parameter]
                    state[name] = block[position].copy_(state[name])
            give_back()
        self._each = [
            {name: [table[of][position] for of in stack.trained] for name, table in tables.items()}
            for position in range(len(optimizers))
        ]
        self._settings: list[dict[str, Any]] = []
        self._counts: list[Tensor] = []
        self._is_one = False

    def begin(self) -> None:
        self._settings = [
            {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
            for optimizer in self._optimizers
        ]
        firsts = [
            optimizer.state[parameters[0]]
            for optimizer, parameters in zip(self._optimizers, self._parameters, strict=True)
        ]
        self._counts = [torch.as_tensor(state.get("step", 0.0)).clone() for state in firsts]
        first, *others = self._settings
        # Once and not per step: on a GPU, a look at a count waits for all that was asked of it.
        self._is_one = all(settings == first for settings in others) and len(set(map(float, self._counts))) == 1

    def step(self) -> None:
        # On a GPU, each of these additions is a call of its own.
        for count in self._counts[:1] if self._is_one else self._counts:
            count += 1
        if self._is_one:
            return self._kernel(self._all, self._settings[0], self._counts[0])
        for vectors, settings, count in zip(self._each, self._settings, self._counts, strict=True):
            self._kernel(vectors, settings, count)
        return None

    def end(self) -> None:
        counts = self._counts[:1] * len(self._optimizers) if self._is_one else self._counts
        for optimizer, parameters, count in zip(self._optimizers, self._parameters, counts, strict=True):
            for parameter in parameters:
                if "step" in optimizer.state[parameter]:
                    optimizer.state[parameter]["step"].copy_(count)


def step_of(stack: Stack, optimizers: Sequence[Optimizer]) -> Step:
    """The fastest that does what the optimizers do."""
    kinds = {type(optimizer) for optimizer in optimizers}
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    # torch has several ways to make a step, which round differently: this is the one of `fused`.
    if len(kinds) > 1 or len(groups) > len(optimizers) or not all(group.get("fused") for group in groups):
        return Apart(optimizers)
    # Switches may be numbers, and so differ within a group; what a subclass does is its own.
    if kinds <= {Adam, AdamW} and not any(group["amsgrad"] for group in groups):
        return Elementwise(stack, optimizers, ("exp_avg", "exp_avg_sq"), _adam)
    momenta = {bool(group.get("momentum")) for group in groups}
    if kinds == {SGD} and len(momenta) == 1:
        return Elementwise(stack, optimizers, ("momentum_buffer",) if momenta == {True} else (), _sgd)
    return Apart(optimizers)


def _adam(vectors: _Vectors, settings: Mapping[str, Any], count: Tensor) -> None:
    kernel = torch._fused_adamw_ if settings["decoupled_weight_decay"] else torch._fused_adam_
    beta1, beta2 = settings["betas"]
    kernel(
        vectors["values"],
        vectors["gradients"],
        vectors["exp_avg"],
        vectors["exp_avg_sq"],
        [],
        [count] * len(vectors["values"]),
        amsgrad=False,
        lr=float(settings["lr"]),
        beta1=beta1,
        beta2=beta2,
        weight_decay=settings["weight_decay"],
        eps=settings["eps"],
        maximize=settings["maximize"],
    )


def _sgd(vectors: _Vectors, settings: Mapping[str, Any], count: Tensor) -> None:
    torch._fused_sgd_(
        vectors["values"],
        vectors["gradients"],
        vectors.get("momentum_buffer", []),
        weight_decay=settings["weight_decay"],
        momentum=settings["momentum"],
        lr=float(settings["lr"]),
        dampening=settings["dampening"],
        nesterov=settings["nesterov"],
        maximize=settings["maximize"],
        is_first_step=False,
    )
