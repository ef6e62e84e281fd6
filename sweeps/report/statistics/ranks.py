"""Ranks over many data sets: Friedman's test and Nemenyi's critical difference, never over seeds.

At n = 5 seeds ranks find a winner that is four standard deviations ahead in no draw at all, so they are for blocks that
are data sets, six or more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST_BLOCKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Friedman:
    """Whether methods differ over blocks (Demsar 2006, JMLR 7, section 3.2.2).

    Attributes:
        mean_ranks: One per method; 1 is best.
        chi2: Friedman's statistic.
        f: Iman and Davenport's, which is less conservative.
        p: Probability of `f`.
        critical_difference: Nemenyi: mean ranks that differ by less are not told apart.
    """

    mean_ranks: tuple[float, ...]
    chi2: float
    f: float
    p: float
    critical_difference: float


def ranks(values: Sequence[float], direction: str) -> NDArray[Any]:
    """Rank 1 for the best; equal values share the mean of their ranks."""
    turned = np.asarray(values, dtype=float) * (-1 if direction == "max" else 1)
    below = (turned[:, None] > turned[None, :]).sum(axis=1)
    equal = (turned[:, None] == turned[None, :]).sum(axis=1)
    made: NDArray[Any] = below + (equal + 1) / 2
    return made


def mean_rank(columns: Sequence[tuple[Sequence[float], str]]) -> tuple[float, ...]:
    """The mean rank of each row over several columns, 1 for the best.

    It hides how far apart the rows are and depends on which rows there are: show it, never sort or mark by it.

    Args:
        columns: Values, one per row, and their direction, `max` or `min`.
    """
    return tuple(np.mean([ranks(values, direction) for values, direction in columns], axis=0).tolist())


def friedman(blocks: Sequence[Sequence[float]], direction: str, alpha: float = 0.05) -> Friedman:
    """Compare methods over blocks.

    Args:
        blocks: Per data set one value per method.
        direction: `max` or `min`.
        alpha: Of the critical difference.

    Raises:
        ValueError: There are fewer than six blocks.
    """
    if len(blocks) < FEWEST_BLOCKS:
        raise ValueError(f"{len(blocks)} data sets are too few to compare ranks; it takes {FEWEST_BLOCKS}")
    return friedman_of_ranks(mean_rank([(block, direction) for block in blocks]), len(blocks), alpha)


def friedman_of_ranks(mean_ranks: Sequence[float], num_blocks: int, alpha: float = 0.05) -> Friedman:
    """The same from mean ranks, as papers print them."""
    from scipy.special import fdtrc

    k, n = len(mean_ranks), num_blocks
    chi2 = 12 * n / (k * (k + 1)) * (sum(rank**2 for rank in mean_ranks) - k * (k + 1) ** 2 / 4)
    rest = n * (k - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > 0 else math.inf
    p = float(fdtrc(k - 1, (k - 1) * (n - 1), f)) if math.isfinite(f) else 0.0
    distance = critical_difference(k, n, alpha)
    return Friedman(mean_ranks=tuple(mean_ranks), chi2=chi2, f=f, p=p, critical_difference=distance)


def critical_difference(num_methods: int, num_blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi: q sqrt(k (k + 1) / (6 N)); q is that of the studentised range, divided by sqrt(2)."""
    return nemenyi_q(num_methods, alpha) * math.sqrt(num_methods * (num_methods + 1) / (6 * num_blocks))


def nemenyi_q(num_methods: int, alpha: float = 0.05) -> float:
    """Critical value of Demsar's table 5."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - alpha, num_methods, math.inf)) / math.sqrt(2)
