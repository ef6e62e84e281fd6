"""Layers of stacked networks, with their backward passes: n layers of one shape for the price of one call.

Activations are (B, n, F). Where F is a multiple of the numbers that a processor handles at once, they lie in memory in
this order: to what looks at features one by one they are a matrix of n times F features. Elsewhere they lie as
(n, B, F), and what is sensitive to it is done per network. Either way each network gets the numbers that it would get
alone, to the last bit as far as we could measure.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer_pkg.fused.draws import JointDraws
from trainer_pkg.fused.linear import Linear
from trainer_pkg.fused.room import Room, lies_wide, room_for
from trainer_pkg.fused.stack import Stack


class Layer(Protocol):
    """One layer of n networks."""

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        """Outputs, (B, n, G), of inputs (B, n, F), or (B, F) if all networks share them; valid for one batch."""
        ...

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        """Set the gradients of the layer, by those of its outputs; give those of its inputs if they are wanted.

        What is given is valid for one batch, and may lie where `slopes_BnG` has been.
        """
        ...

    def let_go(self) -> None:
        """Give up the memory that is used again and again."""
        ...

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        """Outputs of networks that are not trained meanwhile, valid for one batch."""
        ...


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

    def let_go(self) -> None:
        self._saved = []

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
    """`nn.ReLU`.

    Attributes:
        takes_place: Whether its outputs lie where its inputs have been, which nobody else needs then.
    """

    def __init__(self) -> None:
        self.takes_place = False
        self._outputs: Tensor | None = None

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        self._outputs = self.evaluate(inputs_BnF)
        return self._outputs

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        return inputs_BnF.clamp_min_(0.0) if self.takes_place else inputs_BnF.clamp_min(0.0)

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        found: Tensor = torch.ops.aten.threshold_backward(slopes_BnG, self._outputs, 0.0, grad_input=slopes_BnG)
        return found

    def let_go(self) -> None:
        self._outputs = None


class Dropout:
    """`nn.Dropout`: each network drops what it would drop alone.

    Args:
        share: The share that is dropped.
        draws: The random numbers of the networks.
    """

    def __init__(self, share: float, draws: JointDraws) -> None:
        self._share, self._draws = share, draws
        self._noise_room, self._outputs_room = Room(), Room()
        self._noise_BnF: Tensor | None = None

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        # In this order of operations, and per network, as torch does it. Equal draws are made once for all.
        generators, is_shared, num_features = self._draws.generators, inputs_BnF.ndim == 2, inputs_BnF.shape[-1]
        noise_nBF = self._noise_room.of(inputs_BnF, len(generators), len(inputs_BnF), num_features)
        for noise_BF, generator in zip(noise_nBF, generators, strict=True):
            noise_BF.bernoulli_(1 - self._share, generator=generator)
        self._noise_BnF = noise_nBF.div_(1 - self._share).transpose(0, 1)
        num = len(generators) if is_shared else inputs_BnF.shape[1]
        outputs_BnF = room_for(inputs_BnF, num, num_features, self._outputs_room)
        torch.mul(inputs_BnF.unsqueeze(1) if is_shared else inputs_BnF, self._noise_BnF, out=outputs_BnF)
        return outputs_BnF[:, 0] if is_shared and num == 1 else outputs_BnF

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        return inputs_BnF

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        assert self._noise_BnF is not None
        return slopes_BnG.mul_(self._noise_BnF)

    def let_go(self) -> None:
        self._noise_BnF = None
        self._noise_room.let_go()
        self._outputs_room.let_go()


def layers_of(module: nn.Module, name: str, stack: Stack, draws: JointDraws) -> list[Layer] | None:
    """Stacked layers that do what a module does; None: there are none for it.

    Args:
        module: One of the modules.
        name: Its name in the stack.
        stack: The stack.
        draws: The random numbers of the networks.
    """
    if isinstance(module, nn.Sequential):
        parts = [layers_of(part, f"{name}.{key}", stack, draws) for key, part in module.named_children()]
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
    if isinstance(module, nn.Dropout) and kind is nn.Dropout and module.p < 1:
        return [Dropout(module.p, draws)] if module.p else []
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
