"""A balancer that looks at the gradients of the losses: one backward pass per head through the shared layers.

Shared layers, backbone and adapter, get one aggregated gradient; each head gets the gradient of its own loss. Such
balancers train in float32, on one device, without `model.compile` and without accumulated batches;
`trainer_pkg.preflight.balanced` refuses the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainer_pkg.losses.balancers import Balancer

if TYPE_CHECKING:
    from torchjd.aggregation import WeightedAggregator


class GradientBalancer(Balancer):
    """Fills the gradients itself, in Lightning's `backward` hook.

    Args:
        weights: Head name to fixed weight.
        aggregator: Makes one gradient of the Jacobian of the losses, a row per head; None: a subclass does it.
    """

    uses_weights = False
    one_device_only = True  # the gradients would not be averaged over the devices

    def __init__(self, weights: Mapping[str, float], aggregator: "WeightedAggregator | None" = None) -> None:
        super().__init__(weights)
        self._aggregator = aggregator  # a module without parameters or buffers

    def forward(self, losses_H: Tensor) -> Tensor:
        """The plain sum: what a network whose shared layers are frozen trains."""
        return losses_H.sum()

    def backward(self, losses: Sequence[Tensor], features: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
        """Add to the gradients of the parameters.

        Args:
            losses: The loss of each trained head, each ().
            features: What all heads are computed from, (B, F).
            parameters: Those of the network.

        Returns:
            The weight of each head in the gradient of the shared layers, (H,).
        """
        from torchjd.aggregation import Sum
        from torchjd.autojac import jac_to_grad, mtl_backward

        # Losses of several heads may share a part of the graph; and vmap knows too few layers.
        mtl_backward(losses, features=features, retain_graph=True, parallel_chunk_size=1)
        shared = [parameter for parameter in parameters if hasattr(parameter, "jac")]
        if not torch.stack([parameter.jac.sum() for parameter in shared]).isfinite().all():
            # Solvers raise errors of their own: that training has diverged is seen in the losses.
            jac_to_grad(shared, Sum())
            return features.new_full((len(losses),), torch.nan)
        return self.aggregate(shared)

    def aggregate(self, shared: list[nn.Parameter]) -> Tensor:
        """Add to the gradients of the shared parameters, of their `jac`, (H, ...); the weight of each head, (H,)."""
        from torchjd.autojac import jac_to_grad

        weights_H = jac_to_grad(shared, self._aggregator)  # type: ignore[arg-type]
        assert weights_H is not None  # every aggregator here weighs the rows
        return weights_H


def gramian(shared: Iterable[nn.Parameter]) -> Tensor:
    """The products of the gradients of the heads in the shared parameters, (H, H)."""
    rows = [parameter.jac.flatten(1) for parameter in shared]  # type: ignore[attr-defined]
    return torch.stack([rows_HN @ rows_HN.T for rows_HN in rows]).sum(0)
