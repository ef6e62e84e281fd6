"""Networks of trials that train together, as one."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.layers import BatchNorm, Layer, ReLU, layers_of
from trainer_pkg.fused.linear import Linear
from trainer_pkg.fused.stack import Stack
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.adapters import LinearAdapter
from trainer_pkg.nets.heads import MultiheadNetwork
from trainer_pkg.nets.mlp import MLP


class Network(Protocol):
    """n networks."""

    def forward(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        """Head name to outputs, (B, n, K).

        Args:
            images: (B, C, H, W) if all networks share them, else (n, B, C, H, W).
            aux: Scalars that come with the images likewise; None: the data has none.
        """
        ...

    def backward(self, slopes: Mapping[str, Tensor]) -> None:
        """Set the gradients of the stack by those of the outputs, (B, n, K)."""
        ...

    def let_go(self) -> None:
        """Give up the memory that is used again and again; training cannot write to what inference mode has made."""
        ...


class Evaluating(Network, Protocol):
    """n networks that are evaluated together, too."""

    def evaluate(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        """As `forward`, of networks that are not trained meanwhile and share the images, (B, C, H, W).

        What is given is valid until the next batch.
        """
        ...


class Layered:
    """Fully connected networks, layer by layer.

    Args:
        trunk: The layers that all heads share.
        heads: Head name to its layers.
    """

    def __init__(self, trunk: Sequence[Layer], heads: Mapping[str, Sequence[Layer]]) -> None:
        self._trunk, self._heads = trunk, heads
        for layers in (trunk, *heads.values()):
            for before, layer in itertools.pairwise(layers):
                if isinstance(layer, ReLU) and isinstance(before, (Linear, BatchNorm)):  # they need their inputs alone
                    layer.takes_place = True

    def forward(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        is_shared = images.ndim == 4
        features = images.flatten(1) if is_shared else images.flatten(2).transpose(0, 1)
        features = _through(self._trunk, features)
        return {head: _through(layers, features) for head, layers in self._heads.items()}

    def evaluate(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        features = _evaluated(self._trunk, images.flatten(1))
        return {head: _evaluated(layers, features) for head, layers in self._heads.items()}

    def backward(self, slopes: Mapping[str, Tensor]) -> None:
        parts = [_back(self._heads[head], slope, bool(self._trunk)) for head, slope in slopes.items()]
        if not self._trunk:
            return
        # The last one first, as autograd adds them.
        total, *others = (part for part in reversed(parts) if part is not None)
        for part in others:
            total += part
        _back(self._trunk, total, False)

    def let_go(self) -> None:
        for layer in itertools.chain(self._trunk, *self._heads.values()):
            layer.let_go()


class OneByOne:
    """Any networks, one after the other: what is random in one of them draws what it would draw alone.

    Args:
        modules: The modules.
        stack: Their stack, which has handed out gradients.
        draws: The random numbers of each.
    """

    def __init__(self, modules: Sequence[ImageModule], stack: Stack, draws: Sequence[Draws]) -> None:
        self._modules, self._draws = modules, draws
        # Losses may have parameters, too, whose gradients are there already.
        self._slopes = [slope for name, slope in stack.gradients.items() if name.startswith("network.")]
        self._outputs: list[dict[str, Tensor]] = []

    def forward(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        self._outputs = []
        for position, (module, draws) in enumerate(zip(self._modules, self._draws, strict=True)):
            mine, its_aux = (
                (images, aux) if images.ndim == 4 else (images[position], None if aux is None else aux[position])
            )
            with draws.in_use(), torch.enable_grad():
                self._outputs.append(module(mine, its_aux))
        return {head: torch.stack([of_one[head].detach() for of_one in self._outputs], 1) for head in self._outputs[0]}

    def evaluate(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        found: list[dict[str, Tensor]] = []
        for module in self._modules:
            with torch.no_grad(), evaluated(module.network):
                found.append(module(images, aux))
        return {head: torch.stack([of_one[head] for of_one in found], 1) for head in found[0]}

    def backward(self, slopes: Mapping[str, Tensor]) -> None:
        torch._foreach_zero_(self._slopes)
        for position, outputs in enumerate(self._outputs):
            found = {head: slopes_BnK[:, position].contiguous() for head, slopes_BnK in slopes.items()}
            torch.autograd.backward([outputs[head] for head in found], list(found.values()))

    def let_go(self) -> None:
        self._outputs = []


@contextmanager
def evaluated(network: nn.Module) -> Iterator[None]:
    """While a network is evaluated, whatever its trial does with it, without shortcuts of which vmap does not know."""
    were_training = [module for module in network.modules() if module.training]
    is_short = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    network.eval()
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(is_short)
        for module in were_training:
            module.training = True


def layered(network: MultiheadNetwork, stack: Stack, draws: JointDraws) -> Layered | None:
    """The networks layer by layer; None: there are no such layers for them.

    Args:
        network: One of the networks.
        stack: The stack of their modules.
        draws: Their random numbers.
    """
    backbone, adapter = network.backbone, network.adapter
    if type(backbone).forward is not MLP.forward or not isinstance(backbone, MLP):
        return None
    first, *rest = backbone.layers.named_children()
    if type(first[1]) is not nn.Flatten or (first[1].start_dim, first[1].end_dim) != (1, -1):
        return None
    parts = [(f"backbone.layers.{name}", layer) for name, layer in rest]
    if type(adapter) is LinearAdapter:
        parts += [(f"adapter.{name}", layer) for name, layer in adapter.named_children()]
    elif type(adapter) is not nn.Identity:
        return None
    trunk = [layers_of(layer, f"network.{name}", stack, draws) for name, layer in parts]
    heads = {name: layers_of(network.heads[name], f"network.heads.{name}", stack, draws) for name in network.read}
    if None in trunk or None in heads.values():
        return None
    return Layered(
        [layer for part in trunk for layer in part or []], {name: layers or [] for name, layers in heads.items()}
    )


def _through(layers: Sequence[Layer], features: Tensor) -> Tensor:
    for layer in layers:
        features = layer.forward(features)
    return features


def _evaluated(layers: Sequence[Layer], features: Tensor) -> Tensor:
    for layer in layers:
        features = layer.evaluate(features)
    return features


def _back(layers: Sequence[Layer], slopes: Tensor, wants_inputs: bool) -> Tensor | None:
    found: Tensor | None = slopes
    for position, layer in reversed(list(enumerate(layers))):
        assert found is not None
        found = layer.backward(found, wants_inputs or position > 0)
    return found
