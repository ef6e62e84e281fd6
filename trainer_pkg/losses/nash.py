"""Nash-MTL: weights that the heads would bargain for."""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer_pkg.losses.balancers import check_installed
from trainer_pkg.losses.gradient_balancer import GradientBalancer, gramian

with contextlib.suppress(ImportError):
    import torchjd.aggregation  # noqa: F401 - once for all trials of a study

if TYPE_CHECKING:
    Matrix = np.ndarray[Any, np.dtype[np.float64]]

_MOST_STEPS = 50
_RIDGE = 1e-6  # of gradients of length 1: opposed ones have no bargain


class NashMTL(GradientBalancer):
    """The bargaining solution of the heads: M w = 1 / w, with M the products of their gradients.

    No factor of a loss changes the direction. Navon et al. 2022, https://arxiv.org/abs/2202.01017. Its authors, and
    TorchJD, approach it by a sequence of programs; here Newton's method solves the equation.

    Args:
        weights: Head name to fixed weight.
        max_norm: Largest length of the gradient of the shared layers, which is sqrt(H) before; 0: any.
    """

    def __init__(self, weights: Mapping[str, float], max_norm: float = 1.0) -> None:
        check_installed("nash", "torchjd")
        super().__init__(weights)
        self._max_norm = max_norm

    def aggregate(self, shared: list[nn.Parameter]) -> Tensor:
        from torchjd.aggregation import Constant
        from torchjd.autojac import jac_to_grad

        products_HH = gramian(shared)
        weights_H = torch.from_numpy(bargain(products_HH.double().cpu().numpy())).to(products_HH)
        norm = (weights_H @ products_HH @ weights_H).clamp(min=0).sqrt()
        if self._max_norm > 0:
            weights_H = weights_H * (self._max_norm / norm.clamp(min=self._max_norm))
        jac_to_grad(shared, Constant(weights_H))
        return weights_H


def bargain(products_HH: "Matrix") -> "Matrix":
    """The positive solution (H,) of M w = 1 / w: the minimum of w'Mw / 2 - sum of log w, which is self-concordant.

    Args:
        products_HH: M, symmetric and positive semidefinite.

    Example:
        >>> bargain(np.array([[4.0, 0.0], [0.0, 1.0]])).round(4).tolist()
        [0.5, 1.0]
    """
    lengths_H: Matrix = np.sqrt(np.diagonal(products_HH).clip(min=1e-12 * max(np.trace(products_HH), 1e-300)))
    scaled_HH = products_HH / np.outer(lengths_H, lengths_H) + _RIDGE * np.eye(len(lengths_H))
    found_H: Matrix = np.full(len(lengths_H), len(lengths_H) ** -0.5)
    for _ in range(_MOST_STEPS):
        downhill_H = 1 / found_H - scaled_HH @ found_H
        step_H = np.linalg.solve(scaled_HH + np.diag(found_H**-2), downhill_H)
        decrement = float(np.sqrt(downhill_H @ step_H))
        found_H = found_H + step_H / (1 + decrement if decrement > 0.25 else 1)  # so it stays positive
        if decrement < 1e-9:
            break
    solution_H: Matrix = found_H / lengths_H
    return solution_H
