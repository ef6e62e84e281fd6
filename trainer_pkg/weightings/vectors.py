"""Ways to lay out the weights of the heads' losses. Each vector sums to the number of heads, to six decimals.

So weight 1 for each head is one of them, and the scale of the total is always the same: weights that differ by scale
only are one method under another learning rate.
"""

import itertools
import math
import random
from collections.abc import Iterable, Sequence
from typing import Protocol

from trainer_pkg.errors import ConfigError

Vector = tuple[float, ...]
"""One weight per head."""

_DECIMALS = 6


class Weighting(Protocol):
    """Gives weights for any number of heads."""

    def vectors(self, num_heads: int) -> list[Vector]:
        """Distinct vectors, each of which sums to the number of heads."""
        ...


class Grid:
    """Every head with every value, scaled to the sum; of vectors that differ by scale only, the first.

    Args:
        values: Values of each head, at least 0; all of them 0 is left out.

    Example:
        >>> Grid([0.5, 1]).vectors(2)
        [(1.0, 1.0), (0.666667, 1.333333), (1.333333, 0.666667)]
    """

    def __init__(self, values: Sequence[float]) -> None:
        bad = [value for value in values if not _is_weight(value)]
        if bad or not any(values):
            raise ConfigError(f"values={list(values)} must be finite numbers of at least 0, and one above 0.")
        self._values = tuple(values)

    def vectors(self, num_heads: int) -> list[Vector]:
        return _distinct(each for each in itertools.product(self._values, repeat=num_heads) if any(each))


class Simplex:
    """All shares in steps of one part in `levels`: the heads share the sum in every way, each head alone included.

    Args:
        levels: Parts to share, at least 1; n heads have (levels + n - 1 over n - 1) vectors.

    Example:
        >>> Simplex(levels=2).vectors(2)
        [(2.0, 0.0), (1.0, 1.0), (0.0, 2.0)]
        >>> len(Simplex(levels=5).vectors(3))
        21
    """

    def __init__(self, levels: int = 5) -> None:
        self._levels = _at_least_1("levels", levels)

    def vectors(self, num_heads: int) -> list[Vector]:
        shares = itertools.product(range(self._levels, -1, -1), repeat=num_heads - 1)
        whole = [(*share, self._levels - sum(share)) for share in shares if sum(share) <= self._levels]
        return _distinct(whole)


class Dirichlet:
    """Random shares by the Dirichlet distribution: uniform over all shares where alpha is 1.

    Args:
        num: Vectors.
        alpha: Below 1 the shares are uneven, above 1 they are alike.
        seed: Of the draws; the same seed gives the same vectors, and more of them begin with the same.

    Example:
        >>> [round(sum(vector), 5) for vector in Dirichlet(num=2, seed=1).vectors(4)]
        [4.0, 4.0]
    """

    def __init__(self, num: int, alpha: float = 1.0, seed: int = 0) -> None:
        self._num = _at_least_1("num", num)
        if not _is_weight(alpha) or alpha == 0:
            raise ConfigError(f"alpha={alpha} must be a finite number above 0.")
        self._alpha, self._seed = alpha, seed

    def vectors(self, num_heads: int) -> list[Vector]:
        draw = random.Random(self._seed)
        drawn = ([draw.gammavariate(self._alpha, 1.0) for _ in range(num_heads)] for _ in range(self._num))
        return _distinct(each if any(each) else [1.0] * num_heads for each in drawn)


class LogRatio:
    """One head against all others, which stay alike: its weight is a multiple of theirs, in steps of the logarithm.

    Args:
        levels: Multiples from 1 / max_ratio to max_ratio; where it is odd, equal weights are one of them.
        max_ratio: The largest multiple, above 1.

    Example:
        >>> LogRatio(levels=3, max_ratio=4).vectors(2)
        [(0.4, 1.6), (1.0, 1.0), (1.6, 0.4)]
    """

    def __init__(self, levels: int = 3, max_ratio: float = 10.0) -> None:
        self._levels = _at_least_1("levels", levels)
        if not _is_weight(max_ratio) or max_ratio <= 1:
            raise ConfigError(f"max_ratio={max_ratio} must be a finite number above 1.")
        self._max_ratio = max_ratio

    def vectors(self, num_heads: int) -> list[Vector]:
        steps = [2 * i / (self._levels - 1) - 1 if self._levels > 1 else 1.0 for i in range(self._levels)]
        ratios = [self._max_ratio**step for step in steps]
        heads = range(num_heads)
        return _distinct([ratio if head == own else 1.0 for head in heads] for own in heads for ratio in ratios)


def scaled(weights: Sequence[float]) -> Vector:
    """The weights times what makes them sum to their number, to six decimals."""
    factor = len(weights) / math.fsum(weights)
    return tuple(round(factor * weight, _DECIMALS) for weight in weights)


def _distinct(vectors: Iterable[Sequence[float]]) -> list[Vector]:
    return list(dict.fromkeys(map(scaled, vectors)))


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _at_least_1(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name}={value} must be a whole number of at least 1.")
    return value
