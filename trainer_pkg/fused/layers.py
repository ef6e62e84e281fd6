"""Layers of stacked networks, with their backward passes: n layers of one shape for the price of one call.

Activations are (B, n, F). Where F is a multiple of the numbers that a processor handles at once, they lie in memory in
this order: to what looks at features one by one they are a matrix of n times F features. Elsewhere they lie as
(n, B, F), and what is sensitive to it is done per network. Either way each network gets the numbers that it would get
alone, to the last bit as far as we could measure.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from trainer_pkg.fused.stack import WIDTH, Stack


class Layer(Protocol):
    """One layer of n networks."""

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        """Outputs, (B, n, G), of inputs (B, n, F), or (B, F) if all networks share them."""
        ...

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        """Set the gradients of the layer, by those of its outputs; give those of its inputs if they are wanted."""
        ...

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        """Outputs of networks that are not trained meanwhile; nothing is kept of them."""
        ...


def lies_wide(num_features: int) -> bool:
    """Whether activations with so many features lie in memory as (B, n, F)."""
    return num_features % WIDTH == 0


def room_for(like: Tensor, num: int, num_features: int) -> Tensor:
    """Room for the activations of as many rows, (B, n, F)."""
    if lies_wide(num_features):
        return like.new_empty(len(like), num, num_features)
    return like.new_empty(num, len(like), num_features).transpose(0, 1)


class Linear:
    """`nn.Linear`.

    Args:
        weight_nGF: The weights.
        bias_nG: The biases.
        weight_slope_nGF: Gradients of the weights.
        bias_slope_nG: Gradients of the biases.
    """

    def __init__(
        self, weight_nGF: Tensor, bias_nG: Tensor | None, weight_slope_nGF: Tensor, bias_slope_nG: Tensor | None
    ) -> None:
        self._weight_nGF, self._bias_nG = weight_nGF, bias_nG
        self._weight_slope_nGF, self._bias_slope_nG = weight_slope_nGF, bias_slope_nG
        self._inputs = weight_nGF

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        self._inputs = inputs_BnF
        return self.evaluate(inputs_BnF)

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        num, num_out, _ = self._weight_nGF.shape
        inputs_nBF = inputs_BnF.expand(num, -1, -1) if inputs_BnF.ndim == 2 else inputs_BnF.transpose(0, 1)
        outputs_BnG = room_for(inputs_BnF, num, num_out)
        outputs_nBG, weight_nFG = outputs_BnG.transpose(0, 1), self._weight_nGF.transpose(1, 2)
        if self._bias_nG is None:
            torch.bmm(inputs_nBF, weight_nFG, out=outputs_nBG)
        else:
            torch.baddbmm(self._bias_nG.unsqueeze(1), inputs_nBF, weight_nFG, out=outputs_nBG)
        return outputs_BnG

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        num, num_out, num_in = self._weight_nGF.shape
        # torch adds up columns in groups of four registers, and those left over in another order.
        if self._bias_slope_nG is not None and num_out % (4 * WIDTH) == 0:
            torch.sum(slopes_BnG, 0, out=self._bias_slope_nG)
        elif self._bias_slope_nG is not None:
            torch.sum(slopes_BnG.transpose(0, 1).contiguous(), 1, out=self._bias_slope_nG)
        if self._inputs.ndim == 2:
            slopes_CB = slopes_BnG.permute(1, 2, 0).reshape(num * num_out, -1)
            torch.mm(slopes_CB, self._inputs, out=self._weight_slope_nGF.flatten(0, 1))
        else:
            torch.bmm(slopes_BnG.permute(1, 2, 0), self._inputs.transpose(0, 1), out=self._weight_slope_nGF)
        if not wants_inputs:
            return None
        slopes_BnF = room_for(slopes_BnG, num, num_in)
        torch.bmm(slopes_BnG.transpose(0, 1), self._weight_nGF, out=slopes_BnF.transpose(0, 1))
        return slopes_BnF


class BatchNorm:
    """`nn.BatchNorm1d` with running statistics: to it, n times F features are as good as F.

    Args:
        layer: One of the layers.
        values: The stacked parameters and buffers, by their names in the layer.
        slopes: The gradients of the parameters likewise.
    """

    def __init__(self, layer: nn.BatchNorm1d, values: Mapping[str, Tensor], slopes: Mapping[str, Tensor]) -> None:
        assert layer.momentum is not None
        self._momentum, self._eps = layer.momentum, layer.eps
        self._num_batches_n = values["num_batches_tracked"]
        stacked = [values[name] for name in ("weight", "bias", "running_mean", "running_var")]
        self._is_wide = lies_wide(layer.num_features)
        self._parts = [[block.flatten() for block in stacked]] if self._is_wide else list(zip(*stacked, strict=True))
        self._slopes = [slopes["weight"], slopes["bias"]]
        self._saved: list[tuple[Tensor, ...]] = []

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        self._num_batches_n += 1
        self._saved, outputs = [], []
        for inputs_BC, (weight, bias, mean, var) in zip(self._split(inputs_BnF), self._parts, strict=True):
            output_BC, *found = torch.native_batch_norm(
                inputs_BC, weight, bias, mean, var, True, self._momentum, self._eps
            )
            outputs.append(output_BC)
            self._saved.append((inputs_BC, weight, mean, var, *found))
        return self._joined(outputs, inputs_BnF)

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        mask = [wants_inputs, True, True]
        found = [
            torch.ops.aten.native_batch_norm_backward(slopes_BC, *saved, True, self._eps, mask)
            for slopes_BC, saved in zip(self._split(slopes_BnG), self._saved, strict=True)
        ]
        inputs, *slopes = zip(*found, strict=True)
        for slopes_nF, parts in zip(self._slopes, slopes, strict=True):
            slopes_nF.copy_(torch.stack(parts).view_as(slopes_nF))
        return self._joined(inputs, slopes_BnG) if wants_inputs else None

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        outputs = []
        for inputs_BC, (weight, bias, mean, var) in zip(self._split(inputs_BnF), self._parts, strict=True):
            found = torch.native_batch_norm(inputs_BC, weight, bias, mean, var, False, self._momentum, self._eps)
            outputs.append(found[0])
        return self._joined(outputs, inputs_BnF)

    def _split(self, features_BnF: Tensor) -> Sequence[Tensor]:
        if self._is_wide:
            return [features_BnF.flatten(1)]
        return features_BnF.transpose(0, 1).contiguous().unbind()

    def _joined(self, parts: Sequence[Tensor], like_BnF: Tensor) -> Tensor:
        return parts[0].view_as(like_BnF) if self._is_wide else torch.stack(list(parts)).transpose(0, 1)


class ReLU:
    """`nn.ReLU`."""

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        self._outputs = self.evaluate(inputs_BnF)
        return self._outputs

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        return inputs_BnF.clamp_min(0.0)

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        found: Tensor = torch.ops.aten.threshold_backward(slopes_BnG, self._outputs, 0.0)
        return found


class Dropout:
    """`nn.Dropout`: each network drops what it would drop alone.

    Args:
        share: The share that is dropped.
        generators: The random numbers of each network.
    """

    def __init__(self, share: float, generators: Sequence[Generator]) -> None:
        self._share, self._generators = share, generators

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        # In this order of operations, and per network, as torch does it.
        noise_nBF = inputs_BnF.new_empty(inputs_BnF.transpose(0, 1).shape)
        for noise_BF, generator in zip(noise_nBF, self._generators, strict=True):
            noise_BF.bernoulli_(1 - self._share, generator=generator)
        self._noise_BnF = noise_nBF.div_(1 - self._share).transpose(0, 1)
        return torch.mul(inputs_BnF, self._noise_BnF, out=torch.empty_like(inputs_BnF))

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        return inputs_BnF

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        return torch.mul(slopes_BnG, self._noise_BnF, out=torch.empty_like(slopes_BnG))


def layers_of(module: nn.Module, name: str, stack: Stack, generators: Sequence[Generator]) -> list[Layer] | None:
    """Stacked layers that do what a module does; None: there are none for it.

    Args:
        module: One of the modules.
        name: Its name in the stack.
        stack: The stack.
        generators: The random numbers of each network.
    """
    if isinstance(module, nn.Sequential):
        parts = [layers_of(part, f"{name}.{key}", stack, generators) for key, part in module.named_children()]
        return None if None in parts else [layer for part in parts if part for layer in part]
    kind = type(module)
    if kind is nn.Linear:
        tables = [stack.values, stack.gradients]
        found = [[table.get(f"{name}.{key}") for key in ("weight", "bias")] for table in tables]
        (weight, bias), (weight_slope, bias_slope) = found
        assert weight is not None
        return None if weight_slope is None else [Linear(weight, bias, weight_slope, bias_slope)]
    if isinstance(module, nn.BatchNorm1d) and kind is nn.BatchNorm1d:
        return _batch_norm(module, name, stack)
    if isinstance(module, nn.Dropout) and kind is nn.Dropout:
        return [Dropout(module.p, generators)] if module.p else []
    if kind is nn.ReLU:
        return [ReLU()]
    return [] if isinstance(module, nn.Identity) else None


def _batch_norm(module: nn.BatchNorm1d, name: str, stack: Stack) -> list[Layer] | None:
    """None where it keeps no running statistics, or keeps them as a mean over all batches."""
    if module.momentum is None or not module.track_running_stats or not module.affine:
        return None
    prefix = f"{name}."
    values, slopes = (
        {key.removeprefix(prefix): block for key, block in table.items() if key.startswith(prefix)}
        for table in (stack.values, stack.gradients)
    )
    return [BatchNorm(module, values, slopes)] if "weight" in slopes else None
