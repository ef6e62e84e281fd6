"""GradNorm: weights under which the gradients of all heads have lengths that fit how fast each head learns."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from trainer_pkg.losses.balancers import check_installed
from trainer_pkg.losses.gradient_balancer import GradientBalancer, gramian

with contextlib.suppress(ImportError):
    import torchjd.autojac  # noqa: F401 - once for all trials of a study


class GradNorm(GradientBalancer):
    """Trains w = H softmax(s) to make |w_i g_i| = mean_j |w_j g_j| * rate_i ** alpha, by the sum of the differences.

    rate_i is loss_i / first loss_i over the mean of that; g_i the gradient of loss i in the shared layers. Chen et al.
    2018, https://arxiv.org/abs/1711.02257, with the softmax of LibMTL in place of a renormalisation, and all shared
    layers in place of the last one.

    Args:
        weights: Head name to fixed weight.
        alpha: How much a head that learns slowly is pulled up; 0 makes all gradients equally long.
    """

    first_losses_H: Tensor

    def __init__(self, weights: Mapping[str, float], alpha: float = 1.5) -> None:
        check_installed("gradnorm", "torchjd")
        super().__init__(weights)
        self._alpha = alpha
        self.logits_H = nn.Parameter(torch.zeros(len(weights)))
        self.register_buffer("first_losses_H", torch.full((len(weights),), torch.nan))

    def backward(self, losses: Sequence[Tensor], features: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
        from torchjd.aggregation import Sum
        from torchjd.autojac import jac_to_grad, mtl_backward

        losses_H = torch.stack([loss.detach() for loss in losses])
        self.first_losses_H.copy_(torch.where(self.first_losses_H.isnan(), losses_H, self.first_losses_H))
        weights_H = len(losses) * torch.softmax(self.logits_H, dim=0)
        weighted = [weight * loss for weight, loss in zip(weights_H.detach(), losses, strict=True)]
        mtl_backward(weighted, features=features, retain_graph=True, parallel_chunk_size=1)
        shared = [parameter for parameter in parameters if hasattr(parameter, "jac")]
        lengths_H = gramian(shared).diagonal().sqrt()
        jac_to_grad(shared, Sum())
        self._pull(weights_H, lengths_H, losses_H)
        return weights_H.detach()

    def _pull(self, weights_H: Tensor, lengths_H: Tensor, losses_H: Tensor) -> None:
        """Add the gradient of the logits: the network's part of the lengths is a constant."""
        rates_H = losses_H / self.first_losses_H
        targets_H = lengths_H.mean() * (rates_H / rates_H.mean()) ** self._alpha
        with torch.enable_grad():
            distance = (lengths_H * weights_H / weights_H.detach() - targets_H).abs().sum()
            distance.backward()  # type: ignore[no-untyped-call]
