"""Torch's functions that vmap cannot run as they are; what is random, each trial draws as it would alone."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer_pkg.fused.draws import Draws, JointDraws

_REPLACED = (
    (F, "dropout"),
    (F, "scaled_dot_product_attention"),
    (Tensor, "bernoulli_"),
    (F, "batch_norm"),
    (F, "adaptive_avg_pool2d"),
)
_dropout, _attention, _bernoulli_, _, _pool = (getattr(owner, name) for owner, name in _REPLACED)

_MOST_WEIGHTS = 2**26
"""The most weights of one attention, of all trials, that are held at once: 256 MB of them."""

_ALIGNED = 8
"""Kernels of attention take rows of a multiple of so many numbers."""


@contextmanager
def as_vmap_can(position: Tensor, draws: JointDraws) -> Iterator[None]:
    """While dropout, that of attention and `Tensor.bernoulli_` give each trial what it would get alone.

    Trials in one state get one draw. Functions are replaced where modules look for them: `nn.MultiheadAttention` calls
    some from within torch, where no mode of torch's reaches.

    Args:
        position: What vmap sees in place of the number of a trial.
        draws: The random numbers of the trials.
    """
    random = _Random(position, draws)

    def bernoulli_(tensor: Tensor, p: float = 0.5) -> Tensor:  # a method is a plain function
        return random.bernoulli_(tensor, p)

    usual = [getattr(owner, name) for owner, name in _REPLACED]
    ours = (random.dropout, random.attention, bernoulli_, _batch_norm, _adaptive_avg_pool2d)
    try:
        for (owner, name), replaced in zip(_REPLACED, ours, strict=True):
            setattr(owner, name, replaced)
        yield
    finally:
        for (owner, name), before in zip(_REPLACED, usual, strict=True):
            setattr(owner, name, before)


class _Random:
    """What random functions are meanwhile.

    Args:
        position: What vmap sees in place of the number of a trial.
        draws: The random numbers of the trials.
    """

    def __init__(self, position: Tensor, draws: JointDraws) -> None:
        self._position, self._draws = position, draws

    def dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        return input * self._noise(lambda its: _dropout(torch.ones_like(its), p), input) if training and p else input

    def bernoulli_(self, tensor: Tensor, p: float = 0.5) -> Tensor:
        return self._noise(lambda its: _bernoulli_(torch.empty_like(its), p), tensor)

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
        num_weights = len(self._draws.each) * query[..., 0].numel() * key.shape[-2]
        if dropout_p and attn_mask is None and not is_causal and not rest and num_weights <= _MOST_WEIGHTS:
            noise = self._noise(lambda query, key: _noise_of_attention(query, key, dropout_p), query, key)
            weights = (query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)).softmax(-1)
            return weights * noise @ value

        def call(*its: Tensor) -> Any:
            return _attention(*its[:3], its[3] if len(its) > 3 else None, dropout_p, is_causal, **rest)

        tensors = (query, key, value) if attn_mask is None else (query, key, value, attn_mask)
        found: Tensor = self._each(call, *tensors) if dropout_p else call(*tensors)
        return found

    def _noise(self, make: Callable[..., Tensor], *like: Tensor) -> Tensor:
        """What `make` gives of a trial's tensors, of which it takes the shape; once for all where that is the same."""
        found: Tensor = _Outside.apply(make, self._draws.different, self._position, *(each.detach() for each in like))
        return found

    def _each(self, call: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """What `call` gives of each trial's own tensors."""
        different = self._draws.different
        draws = different if len(different) > 1 else [different[0]] * len(self._draws.each)
        found: Tensor = _Outside.apply(call, draws, self._position, *tensors)
        return found


class _Outside(torch.autograd.Function):
    """Calls a function outside of vmap, once per trial, or once for all if there is but one state to draw from."""

    @staticmethod
    def forward(call: Callable[..., Tensor], draws: Sequence[Draws], *tensors: Tensor) -> Tensor:
        raise RuntimeError("only vmap calls this")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep: autograd sees what `vmap` calls."""

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, call: Callable[..., Tensor], draws: Sequence[Draws], *tensors: Tensor
    ) -> tuple[Tensor, int | None]:
        found, begun = [], draws[0].states()
        for number, each in enumerate(draws):
            if number and each is draws[0]:  # each of them goes on from there
                each.set_states(begun)
            pairs = zip(tensors, in_dims[2:], strict=True)
            _, *its = [tensor if dim is None else tensor.select(dim, number) for tensor, dim in pairs]
            with each.in_use(of_device=True):
                found.append(call(*its))
        return (found[0], None) if len(found) == 1 < info.batch_size else (torch.stack(found), 0)


def _noise_of_attention(query: Tensor, key: Tensor, p: float) -> Tensor:
    """What the weights of an attention with dropout are multiplied by, (..., L, S).

    Kernels draw within themselves, by the place of a weight. Of equal weights and of values that are unit vectors they
    give what they have drawn.

    Args:
        query: Of one trial, (..., L, E).
        key: Likewise, (..., S, E).
        p: Share of the weights dropped.
    """
    num_keys = key.shape[-2]
    units = torch.eye(num_keys, -(-num_keys // _ALIGNED) * _ALIGNED, dtype=key.dtype, device=key.device)
    values = units.expand(*key.shape[:-2], *units.shape)
    kept: Tensor = _attention(torch.zeros_like(query), torch.zeros_like(key), values, None, p)
    return kept[..., :num_keys] * num_keys


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As torch's, without that of cuDNN: it asks for the order of the pixels in memory, which vmap cannot tell."""
    return torch.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


def _adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """As torch's, without its care for the order of the pixels in memory, which vmap would take trial by trial."""
    is_one = output_size == 1 or (isinstance(output_size, tuple | list) and tuple(output_size) == (1, 1))
    return input.mean((-2, -1), keepdim=True) if is_one else _pool(input, output_size)
