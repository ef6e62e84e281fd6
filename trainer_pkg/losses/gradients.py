"""Balancers that make one gradient of the gradients of the losses: TorchJD's aggregators (the extra `balancers`)."""

import contextlib
from collections.abc import Mapping
from typing import Literal

from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.balancers import check_installed
from trainer_pkg.losses.gradient_balancer import GradientBalancer

with contextlib.suppress(ImportError):
    # Here, not in the constructors alone: the fork server of a study imports this module once for all its trials.
    import torchjd.aggregation  # noqa: F401


class PCGrad(GradientBalancer):
    """Each gradient loses what conflicts with the others, which it meets in random order; then the sum.

    Yu et al. 2020, Gradient Surgery, https://arxiv.org/abs/2001.06782.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("pcgrad", "torchjd")
        from torchjd.aggregation import PCGrad

        super().__init__(weights, PCGrad())


class MGDA(GradientBalancer):
    """The convex combination of the gradients with the smallest norm, found by Frank-Wolfe.

    Désidéri 2012; Sener and Koltun 2018, https://arxiv.org/abs/1810.04650.

    Args:
        weights: Head name to fixed weight.
        epsilon: Step size below which the search ends.
        max_iters: Most steps of the search.
    """

    def __init__(self, weights: Mapping[str, float], epsilon: float = 0.001, max_iters: int = 100) -> None:
        check_installed("mgda", "torchjd")
        from torchjd.aggregation import MGDA

        super().__init__(weights, MGDA(epsilon=epsilon, max_iters=max_iters))


class CAGrad(GradientBalancer):
    """The gradient near the mean that helps the worst head most; its distance to the mean is c times the mean's norm.

    Liu et al. 2021, https://arxiv.org/abs/2110.14048. It solves a small cone program per step, by cvxpy.

    Args:
        weights: Head name to fixed weight.
        c: The radius; 0 is the mean of the gradients.
    """

    def __init__(self, weights: Mapping[str, float], c: float = 0.4) -> None:
        check_installed("cagrad", "torchjd", "cvxpy", "clarabel", extra="balancers-cvx")
        from torchjd.aggregation import CAGrad

        super().__init__(weights, CAGrad(c=c))


class UPGrad(GradientBalancer):
    """Each gradient is projected onto the cone of directions that hurt no head; then the mean.

    Quinton and Rey 2024, Jacobian Descent, https://arxiv.org/abs/2406.16232.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("upgrad", "torchjd", "qpsolvers", "quadprog")
        from torchjd.aggregation import UPGrad

        super().__init__(weights, UPGrad())


class IMTLG(GradientBalancer):
    """The direction with equal projections onto all gradients.

    Liu et al. 2021, Towards Impartial Multi-Task Learning, ICLR. Weights may be negative.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        check_installed("imtl_g", "torchjd")
        from torchjd.aggregation import IMTLG

        super().__init__(weights, IMTLG())


class AlignedMTL(GradientBalancer):
    """The mean of the gradients after their principal components are made equally long.

    Senushkin et al. 2023, Independent Component Alignment, https://arxiv.org/abs/2305.19000.

    Args:
        weights: Head name to fixed weight.
        scale_mode: Which singular value gives the length: the smallest, the median, or their root mean square.
    """

    def __init__(self, weights: Mapping[str, float], scale_mode: Literal["min", "median", "rmse"] = "min") -> None:
        check_installed("aligned", "torchjd")
        from torchjd.aggregation import AlignedMTL

        if scale_mode not in ("min", "median", "rmse"):
            raise ConfigError(f"model.balancer.scale_mode={scale_mode} must be min, median or rmse.")
        super().__init__(weights, AlignedMTL(scale_mode=scale_mode))
