"""A pruner for several objectives: asynchronous successive halving over fronts."""

from collections.abc import Sequence
from typing import Any

Values = Sequence[float]
"""One number per objective, the smaller the better."""

_MAX_COMPARED = 500
"""Trials at a rung that another one is compared with: all pairs are looked at, 20 ms for so many."""


class MoAsha:
    """Stops a trial that is not among the best share of those that have come as far.

    The rule is MO-ASHA of Schmucker et al., "Multi-objective Asynchronous Successive Halving", 2021, arXiv 2106.12639,
    in its stopping form: rungs are at the steps min_resource, min_resource * reduction_factor, and so on. A trial is
    looked at once per rung, with its first report there. The trials that have reached the rung are ordered, it among
    them: front after front by non-dominated sorting, within a front as an epsilon net, which begins with the best
    value of the first objective and goes on with the point that is farthest from all before it. So the order covers
    the front before it fills it. The trial goes on where at most 1 / reduction_factor of them are before it.

    Distances are taken after each objective has been scaled to [0, 1] over the rung: units do not count. A trial
    with a value that is not finite is the worst. With one objective this is ASHA.

    Args:
        min_resource: Step of the first rung, at least 1.
        reduction_factor: Of so many trials at a rung one goes on, at least 2.

    Raises:
        ValueError: An argument is too small.
    """

    def __init__(self, min_resource: int = 1, reduction_factor: int = 3) -> None:
        if min_resource < 1:
            raise ValueError(f"min_resource must be at least 1 but got {min_resource}.")
        if reduction_factor < 2:
            raise ValueError(f"reduction_factor must be at least 2 but got {reduction_factor}.")
        self.min_resource, self.reduction_factor = min_resource, reduction_factor

    def rung_of(self, step: int) -> int | None:
        """The highest rung that a trial at this step has reached, as a step; None: none yet."""
        if step < self.min_resource:
            return None
        rung = self.min_resource
        while rung * self.reduction_factor <= step:
            rung *= self.reduction_factor
        return rung

    def stops(self, own: Values, others: Sequence[Values]) -> bool:
        """Whether a trial stops at a rung.

        Args:
            own: Its values there.
            others: Those of the trials that have reached the rung before it.
        """
        order = in_order([own, *others[-_MAX_COMPARED:]])
        return order.index(0) * self.reduction_factor > len(order)


def in_order(points: Sequence[Values]) -> list[int]:
    """Indices from the best point on: by fronts, and within a front so that it is covered first."""
    import numpy as np

    known: Any = np.array(points, dtype=float)
    known[~np.isfinite(known).all(axis=1)] = np.inf
    scaled = _scaled(known)
    is_better = (known[:, None] <= known[None]).all(axis=2) & (known[:, None] < known[None]).any(axis=2)
    num_better = is_better.sum(axis=0)
    is_left = np.ones(len(known), dtype=bool)
    order: list[int] = []
    while is_left.any():
        front = np.flatnonzero(is_left & (num_better == 0))
        order += _net(front.tolist(), known, scaled)
        is_left[front] = False
        num_better = num_better - is_better[front].sum(axis=0)
    return order


def _net(front: list[int], known: Any, scaled: Any) -> list[int]:
    """The front from its best value of the first objective on, then always the point farthest from those before."""
    import numpy as np

    chosen = [min(front, key=lambda i: (*known[i], i))]
    distance = np.full(len(front), np.inf)
    while len(chosen) < len(front):
        distance = np.minimum(distance, np.linalg.norm(scaled[front] - scaled[chosen[-1]], axis=1))
        distance[front.index(chosen[-1])] = -1.0
        chosen.append(front[int(distance.argmax())])
    return chosen


def _scaled(points: Any) -> Any:
    """The points with each objective in [0, 1]; what is not finite is one further away."""
    import numpy as np

    finite = np.where(np.isfinite(points), points, np.nan)
    low = np.min(finite, axis=0, where=np.isfinite(points), initial=np.inf)
    high = np.max(finite, axis=0, where=np.isfinite(points), initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    return np.where(np.isfinite(points), (points - np.where(np.isfinite(low), low, 0.0)) / span, 2.0)
