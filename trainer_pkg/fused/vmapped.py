"""Any networks of one shape as one, by `torch.func.vmap`."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from trainer_pkg.fused.draws import JointDraws
from trainer_pkg.fused.networks import evaluated
from trainer_pkg.fused.replaced import as_vmap_can
from trainer_pkg.fused.stack import Stack
from trainer_pkg.nets.heads import MultiheadNetwork

_PREFIX = "network."

_MOST_IMAGES = 4096
"""The most images of all trials that are evaluated at once; a step of 32 trials has as many."""


class Vmapped:
    """Networks whose parameters and buffers are slices of a stack: what one of them computes, for all.

    Dropout, that of attention and `Tensor.bernoulli_`, such as in stochastic depth, give each trial what it would get
    alone. Anything else that is random raises a RuntimeError.

    Args:
        network: One of the networks.
        stack: The stack of their modules, which has handed out gradients.
        draws: The random numbers of the trials.
    """

    def __init__(self, network: MultiheadNetwork, stack: Stack, draws: JointDraws) -> None:
        self._network, self._draws = network, draws
        named = {name.removeprefix(_PREFIX): name for name in stack.values if name.startswith(_PREFIX)}
        trained = {name: whole for name, whole in named.items() if whole in stack.gradients}
        self._slopes = [stack.gradients[whole] for whole in trained.values()]
        self._trained = {name: stack.values[whole].detach().requires_grad_() for name, whole in trained.items()}
        self._others = {name: stack.values[whole] for name, whole in named.items() if name not in trained}
        self._positions_n = torch.arange(len(draws.each), device=stack.all_values.device)
        self._outputs: dict[str, Tensor] = {}

    def forward(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        with torch.enable_grad():
            self._outputs = self._run(images, aux)
        return {head: outputs_BnK.detach() for head, outputs_BnK in self._outputs.items()}

    def evaluate(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        num_rows = max(1, _MOST_IMAGES // len(self._positions_n))
        with torch.no_grad(), evaluated(self._network):
            parts = [
                self._run(images[start : start + num_rows], None if aux is None else aux[start : start + num_rows])
                for start in range(0, len(images), num_rows)
            ]
        return {head: torch.cat([part[head] for part in parts]) for head in parts[0]}

    def backward(self, slopes: Mapping[str, Tensor]) -> None:
        outputs, self._outputs = self._outputs, {}
        found = torch.autograd.grad(
            [outputs[head] for head in slopes],
            list(self._trained.values()),
            list(slopes.values()),
            allow_unused=True,
            materialize_grads=True,
        )
        torch._foreach_copy_(self._slopes, list(found))

    def let_go(self) -> None:
        self._outputs = {}

    def _run(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        """Head name to outputs, (B, n, K)."""
        inputs = (images,) if aux is None else (images, aux)
        shared = None if images.ndim == 4 else 0
        run = vmap(self._of_one, in_dims=(0, 0, 0, (shared,) * len(inputs)), out_dims=1, randomness="error")
        found: dict[str, Tensor] = run(self._positions_n, self._trained, self._others, inputs)
        return found

    def _of_one(
        self, position: Tensor, trained: dict[str, Tensor], others: dict[str, Tensor], inputs: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """Head name to outputs, (B, K), of one network: this is what vmap sees."""
        with as_vmap_can(position, self._draws):
            outputs: dict[str, Tensor] = functional_call(self._network, (trained, others), inputs)
        return outputs
