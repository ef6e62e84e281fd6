"""One storage for the parameters of trials that train together: each trial has a slice of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer_pkg.fused.memory import give_back

WIDTH = 16
"""Numbers of 32 bits in a register of AVX-512, or in a line of the cache; a multiple of those in a smaller register."""


def with_gradient(module: nn.Module) -> list[str]:
    """The names of the parameters that have a gradient; of a module that has made a step, those that are trained."""
    return [name for name, parameter in module.named_parameters() if parameter.grad is not None]


class Stack:
    """Parameters and gradients of equal modules, and buffers of their networks, stacked by name, (n, ...).

    The modules keep their parameters and buffers; from now on these are slices of the stack, so that whatever changes
    the one changes the other. Gradients are slices from `hand_gradients` on.

    The parameters that are trained lie behind each other, as do their gradients, so that one operation reaches them
    all. A parameter's slices begin with a line of the cache, as a tensor of its own does: elsewhere, some processors
    round sums otherwise. What the modules have had in their place is given up bit by bit, so that there is never much
    of both.

    Args:
        modules: The modules, of the same shapes.
        trained: The names of the parameters that are trained.

    Attributes:
        trained: The names of the parameters that are trained; first those that fill whole registers.
        values: Name to parameters or buffers, (n, ...).
        gradients: Name to gradients, (n, ...), of the trained parameters.
        all_values: The trained parameters as one vector.
        all_gradients: Their gradients as one vector.
    """

    def __init__(self, modules: Sequence[nn.Module], trained: Sequence[str]) -> None:
        self.parameters = [dict(module.named_parameters()) for module in modules]
        for module in modules:
            module.zero_grad()
        give_back()
        first = self.parameters[0]
        self.trained = sorted(trained, key=lambda name: first[name].numel() % WIDTH != 0)
        num_numbers = len(modules) * sum(_num_taken(first[name]) for name in self.trained)
        self.all_values = first[self.trained[0]].new_empty(num_numbers)
        self.all_gradients = torch.empty_like(self.all_values)  # takes no memory before it is written
        self._has_gradients = False
        self.values: dict[str, Tensor] = self.blocks(self.all_values)
        self.gradients = self.blocks(self.all_gradients)
        rest = [name for name in first if name not in self.trained]
        for name in rest:
            room = first[name].data.new_empty(len(modules) * _num_taken(first[name]))
            self.values[name] = _slices(room, first[name].data, _num_taken(first[name]), len(modules))
        with torch.no_grad():
            for position, parameters in enumerate(self.parameters):
                for name, parameter in parameters.items():
                    parameter.data = self.values[name][position].copy_(parameter)
            self._adopt_buffers(modules)
        give_back()

    def blocks(self, vector: Tensor) -> dict[str, Tensor]:
        """Name of each trained parameter to its part, (n, ...), of a vector of as many numbers as `all_values` has."""
        first, num, start, blocks = self.parameters[0], len(self.parameters), 0, {}
        for name in self.trained:
            end = start + num * _num_taken(first[name])
            blocks[name] = _slices(vector[start:end], first[name], _num_taken(first[name]), num)
            start = end
        return blocks

    def pieces(self, vector: Tensor) -> list[Tensor]:
        """The same numbers of a vector like `all_values`, such that an elementwise operation treats each as alone.

        The numbers behind the last whole register of a tensor are rounded otherwise: they must be last here, too. A GPU
        has no such registers.
        """
        if vector.device.type != "cpu":
            return [vector]
        odd = [block for block in self.blocks(vector).values() if block[0].numel() % WIDTH]
        num_even = len(vector) - sum(len(block) * _num_taken(block[0]) for block in odd)
        return [vector[:num_even], *(part for block in odd for part in block)]

    def trained_of(self, position: int) -> list[Tensor]:
        """The trained parameters of one module."""
        return [self.parameters[position][name] for name in self.trained]

    def hand_gradients(self) -> None:
        """Make the gradients of each module slices of the stack."""
        if not self._has_gradients:
            self.all_gradients.zero_()
            self._has_gradients = True
        for position, parameters in enumerate(self.parameters):
            for name in self.trained:
                parameters[name].grad = self.gradients[name][position]

    def _adopt_buffers(self, modules: Sequence[nn.Module]) -> None:
        for name, like in list(modules[0].named_buffers()):
            if not name.startswith("network."):  # what losses and scores keep is small, and differs
                continue
            # Without gaps: where there are some, vmap changes a copy.
            room = like.new_empty(len(modules) * like.numel())
            block = self.values[name] = _slices(room, like, like.numel(), len(modules))
            path, _, last = name.rpartition(".")
            for position, module in enumerate(modules):
                owner = module.get_submodule(path)
                buffer = owner._buffers[last]
                assert buffer is not None
                owner._buffers[last] = block[position].copy_(buffer)


def _slices(vector: Tensor, like: Tensor, step: int, num: int) -> Tensor:
    """A vector as so many tensors like one, (num, ...), which begin at every `step`-th number."""
    return vector.as_strided((num, *like.shape), (step, *like.stride()), vector.storage_offset())


def _num_taken(tensor: Tensor) -> int:
    """How many numbers lie between the beginnings of two slices like this one."""
    return -(-tensor.numel() // WIDTH) * WIDTH
