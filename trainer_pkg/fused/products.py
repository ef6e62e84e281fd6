"""What stacked linear layers compute: in the fastest way that gives each network what it would get alone.

Which way that is depends on the shapes, on where the numbers lie in memory and on the processor, for sums are split up
by all of these. So the ways are tried where they are to be used, and compared with a network alone to the last bit.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

_LINE = 64
"""Bytes of a line of the cache; what torch allocates begins with one."""
_NUM_DRAWN = 10_007
"""Random numbers that are repeated, since to draw takes longer than a product; a prime, so that rows differ."""
_FEW = 2**15
"""Numbers of a result that is looked at in all networks; of a larger one it is the first two and the last."""
_ENOUGH = 100
"""Numbers that are compared at least: of a few sums, each may be equal by chance."""

Way = Callable[..., None]
"""Writes the product of its further arguments, of all networks, into the first one."""


class NotApplicableError(Exception):
    """A way cannot be taken for what was given; it has written nothing."""


class Product:
    """A product of n networks.

    On one thread each network gets what it would get alone. On several threads, where a lone network is rounded by
    their number, it is the first way that can be taken.

    Args:
        ways: Ways to compute it, the fastest first. One that cannot be taken raises NotApplicableError.
        alone: The product of the network with this number, given the arguments of a way behind the first.
        axis: The dimension of the result that counts the networks.
    """

    def __init__(self, ways: Sequence[Way], alone: Callable[..., Tensor], axis: int) -> None:
        self._ways, self._alone, self._axis = ways, alone, axis
        self._known: dict[object, Way] = {}

    def write(self, result: Tensor, *given: Tensor | None) -> None:
        """Write the product of what is given into the result."""
        key = (torch.get_num_threads(), *map(_lie_of, (result, *given)))
        if key not in self._known:
            self._known[key] = self._way(result, given)
        self._known[key](result, *given)

    def _way(self, result: Tensor, given: Sequence[Tensor | None]) -> Way:
        for way in self._ways:
            with contextlib.suppress(NotApplicableError):
                if self._is_right(way, result, given):
                    return way
        return self._write_each

    def _is_right(self, way: Way, result: Tensor, given: Sequence[Tensor | None]) -> bool:
        if torch.get_num_threads() > 1:
            way(result, *given)
            return True
        num_rounds = -(-_ENOUGH // max(1, result.numel()))
        return all(self._is_equal(way, result, _random(given, number)) for number in range(num_rounds))

    def _is_equal(self, way: Way, result: Tensor, given: Sequence[Tensor | None]) -> bool:
        """Whether it gives each network what it gets alone, of these numbers."""
        found = result.unbind(self._axis)
        num = len(found)
        positions = range(num) if result.numel() <= _FEW else sorted({0, min(1, num - 1), num - 1})
        way(result, *given)
        return all(torch.equal(found[position], self._alone(position, *given)) for position in positions)

    def _write_each(self, result: Tensor, *given: Tensor | None) -> None:
        for position, of_one in enumerate(result.unbind(self._axis)):
            of_one.copy_(self._alone(position, *given))


def _lie_of(tensor: Tensor | None) -> object:
    return None if tensor is None else (tensor.shape, tensor.stride(), tensor.dtype, tensor.data_ptr() % _LINE)


def _random(tensors: Sequence[Tensor | None], number: int) -> list[Tensor | None]:
    """Tensors that lie likewise, with numbers from -0.5 to 0.5, others for each number."""
    return [_random_like(one, len(tensors) * number + place) for place, one in enumerate(tensors)]


def _random_like(tensor: Tensor | None, place: int) -> Tensor | None:
    """A large tensor with few zeros is as good as a random one, and there already."""
    if tensor is None or (tensor.numel() > _FEW and 2 * tensor.count_nonzero() > tensor.numel()):
        return tensor
    begin = 16 * place + tensor.data_ptr() % _LINE // tensor.element_size()
    end = begin + 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    numbers = _drawn().to(tensor).repeat(end // _NUM_DRAWN + 1)
    return numbers.as_strided(tensor.shape, tensor.stride(), begin)


@functools.cache
def _drawn() -> Tensor:
    return torch.rand(_NUM_DRAWN, generator=torch.Generator().manual_seed(0)) - 0.5


def _itself(tensor: Tensor) -> Tensor:
    """A tensor where that of a network alone lies: by itself, at the beginning of a line."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _inputs_alone(inputs: Tensor, position: int) -> Tensor:
    """The inputs of a network, (B, F)."""
    return inputs if inputs.ndim == 2 else _itself(inputs[:, position])


def _inputs_nBF(inputs: Tensor, num: int) -> Tensor:
    return inputs.expand(num, -1, -1) if inputs.ndim == 2 else inputs.transpose(0, 1)


def _wide_outputs(outputs_BnG: Tensor, inputs: Tensor, weight_nGF: Tensor, bias_nG: Tensor | None) -> None:
    if inputs.ndim != 2 or bias_nG is None or not (outputs_BnG.is_contiguous() and weight_nGF.is_contiguous()):
        raise NotApplicableError
    torch.addmm(bias_nG.flatten(), inputs, weight_nGF.flatten(0, 1).t(), out=outputs_BnG.flatten(1))


def _batched_outputs(outputs_BnG: Tensor, inputs: Tensor, weight_nGF: Tensor, bias_nG: Tensor | None) -> None:
    inputs_nBF, weight_nFG = _inputs_nBF(inputs, len(weight_nGF)), weight_nGF.transpose(1, 2)
    if bias_nG is None:
        torch.bmm(inputs_nBF, weight_nFG, out=outputs_BnG.transpose(0, 1))
    else:
        torch.baddbmm(bias_nG.unsqueeze(1), inputs_nBF, weight_nFG, out=outputs_BnG.transpose(0, 1))


def _outputs_alone(position: int, inputs: Tensor, weight_nGF: Tensor, bias_nG: Tensor | None) -> Tensor:
    bias_G = None if bias_nG is None else _itself(bias_nG[position])
    return nn.functional.linear(_inputs_alone(inputs, position), _itself(weight_nGF[position]), bias_G)


def _wide_weight_slopes(slopes_nGF: Tensor, slopes_BnG: Tensor, inputs: Tensor) -> None:
    if inputs.ndim != 2 or not slopes_nGF.is_contiguous():
        raise NotApplicableError
    torch.mm(slopes_BnG.permute(1, 2, 0).reshape(-1, len(inputs)), inputs, out=slopes_nGF.flatten(0, 1))


def _batched_weight_slopes(slopes_nGF: Tensor, slopes_BnG: Tensor, inputs: Tensor) -> None:
    torch.bmm(slopes_BnG.permute(1, 2, 0), _inputs_nBF(inputs, len(slopes_nGF)), out=slopes_nGF)


def _weight_slopes_alone(position: int, slopes_BnG: Tensor, inputs: Tensor) -> Tensor:
    return _itself(slopes_BnG[:, position]).t().mm(_inputs_alone(inputs, position))


def _batched_input_slopes(slopes_BnF: Tensor, slopes_BnG: Tensor, weight_nGF: Tensor) -> None:
    torch.bmm(slopes_BnG.transpose(0, 1), weight_nGF, out=slopes_BnF.transpose(0, 1))


def _input_slopes_alone(position: int, slopes_BnG: Tensor, weight_nGF: Tensor) -> Tensor:
    return _itself(slopes_BnG[:, position]).mm(_itself(weight_nGF[position]))


def _wide_bias_slopes(slopes_nG: Tensor, slopes_BnG: Tensor) -> None:
    torch.sum(slopes_BnG, 0, out=slopes_nG)


def _batched_bias_slopes(slopes_nG: Tensor, slopes_BnG: Tensor) -> None:
    torch.sum(slopes_BnG.transpose(0, 1).contiguous(), 1, out=slopes_nG)


def _bias_slopes_alone(position: int, slopes_BnG: Tensor) -> Tensor:
    return _itself(slopes_BnG[:, position]).sum(0)


OUTPUTS = Product([_wide_outputs, _batched_outputs], _outputs_alone, axis=1)
"""Outputs, (B, n, G); inputs, (B, n, F), or (B, F) if all networks share them; weights, (n, G, F); biases, (n, G)."""
WEIGHT_SLOPES = Product([_wide_weight_slopes, _batched_weight_slopes], _weight_slopes_alone, axis=0)
"""Gradients of the weights, (n, G, F); those of the outputs, (B, n, G); inputs as above."""
INPUT_SLOPES = Product([_batched_input_slopes], _input_slopes_alone, axis=1)
"""Gradients of the inputs, (B, n, F); those of the outputs, (B, n, G); weights, (n, G, F)."""
BIAS_SLOPES = Product([_wide_bias_slopes, _batched_bias_slopes], _bias_slopes_alone, axis=0)
"""Gradients of the biases, (n, G); those of the outputs, (B, n, G)."""
