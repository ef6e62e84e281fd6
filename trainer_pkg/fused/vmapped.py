"""Any networks of one shape as one, by `torch.func.vmap`; what is random in them is drawn trial by trial."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn import functional as F

from trainer_pkg.fused.draws import Draws
from trainer_pkg.fused.stack import Stack
from trainer_pkg.nets.heads import MultiheadNetwork

_PREFIX = "network."
_RANDOM = ((F, "dropout"), (F, "scaled_dot_product_attention"), (Tensor, "bernoulli_"))
_dropout, _attention, _bernoulli_ = (getattr(owner, name) for owner, name in _RANDOM)


class Vmapped:
    """Networks whose parameters and buffers are slices of a stack: what one of them computes, for all.

    Dropout, that of attention and `Tensor.bernoulli_`, such as in stochastic depth, are called per trial, so that each
    draws what it would draw alone. Anything else that is random raises a RuntimeError.

    Args:
        network: One of the networks.
        stack: The stack of their modules, which has handed out gradients.
        draws: The random numbers of each.
    """

    def __init__(self, network: MultiheadNetwork, stack: Stack, draws: Sequence[Draws]) -> None:
        self._network, self._draws = network, draws
        named = {name.removeprefix(_PREFIX): name for name in stack.values if name.startswith(_PREFIX)}
        trained = {name: whole for name, whole in named.items() if whole in stack.gradients}
        self._slopes = [stack.gradients[whole] for whole in trained.values()]
        self._trained = {name: stack.values[whole].detach().requires_grad_() for name, whole in trained.items()}
        self._others = {name: stack.values[whole] for name, whole in named.items() if name not in trained}
        self._positions_n = torch.arange(len(draws), device=stack.all_values.device)
        self._outputs: dict[str, Tensor] = {}

    def forward(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        inputs = (images,) if aux is None else (images, aux)
        shared = None if images.ndim == 4 else 0
        run = vmap(self._of_one, in_dims=(0, 0, 0, (shared,) * len(inputs)), out_dims=1, randomness="error")
        with torch.enable_grad():
            self._outputs = run(self._positions_n, self._trained, self._others, inputs)
        return {head: outputs_BnK.detach() for head, outputs_BnK in self._outputs.items()}

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

    def _of_one(
        self, position: Tensor, trained: dict[str, Tensor], others: dict[str, Tensor], inputs: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """Head name to outputs, (B, K), of one network: this is what vmap sees."""
        with _drawn_by_each(position, self._draws):
            outputs: dict[str, Tensor] = functional_call(self._network, (trained, others), inputs)
        return outputs


class _Each(torch.autograd.Function):
    """A function that vmap calls once per trial, with the trial's own tensors."""

    @staticmethod
    def forward(call: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        raise RuntimeError("only vmap calls this")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep: autograd sees what `vmap` calls."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: Callable[..., Tensor], *tensors: Tensor) -> tuple[Tensor, int]:
        def of(position: int) -> list[Tensor]:
            pairs = zip(tensors, in_dims[1:], strict=True)
            return [tensor if dim is None else tensor.select(dim, position) for tensor, dim in pairs]

        return torch.stack([call(position, *of(position)[1:]) for position in range(info.batch_size)]), 0


class _ByEach:
    """Torch's random functions, called per trial.

    Args:
        position: What vmap sees in place of the number of a trial.
        draws: The random numbers of each trial.
    """

    def __init__(self, position: Tensor, draws: Sequence[Draws]) -> None:
        self._position, self._draws = position, draws

    def dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        return self._call(lambda its: _dropout(its, p), input) if training and p else input

    def attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **rest: Any,
    ) -> Tensor:
        def call(*its: Tensor) -> Any:
            return _attention(*its[:3], its[3] if len(its) > 3 else None, dropout_p, is_causal, **rest)

        tensors = (query, key, value) if attn_mask is None else (query, key, value, attn_mask)
        found: Tensor = self._call(call, *tensors) if dropout_p else call(*tensors)
        return found

    def bernoulli_(self, tensor: Tensor, p: float = 0.5) -> Tensor:
        return self._call(lambda its: _bernoulli_(torch.empty_like(its), p), tensor)

    def _call(self, call: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        def drawn(number: int, *its: Tensor) -> Tensor:
            with self._draws[number].in_use(of_device=True):
                return call(*its)

        found: Tensor = _Each.apply(drawn, self._position, *tensors)
        return found


@contextmanager
def _drawn_by_each(position: Tensor, draws: Sequence[Draws]) -> Iterator[None]:
    """While torch's random functions are called per trial.

    They are replaced where modules look for them: `nn.MultiheadAttention` calls them from within torch, where no mode
    of torch's reaches.

    Args:
        position: What vmap sees in place of the number of a trial.
        draws: The random numbers of each trial.
    """
    by_each = _ByEach(position, draws)

    def bernoulli_(tensor: Tensor, p: float = 0.5) -> Tensor:  # a method is a plain function
        return by_each.bernoulli_(tensor, p)

    try:
        for (owner, name), ours in zip(_RANDOM, (by_each.dropout, by_each.attention, bernoulli_), strict=True):
            setattr(owner, name, ours)
        yield
    finally:
        for (owner, name), usual in zip(_RANDOM, (_dropout, _attention, _bernoulli_), strict=True):
            setattr(owner, name, usual)
