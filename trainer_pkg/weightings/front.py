"""Where a front of weightings is sparse, and the weights between."""

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence

from trainer_pkg.weightings.vectors import Vector, scaled

Scores = tuple[float, ...]
"""One number per head; more is better."""

Result = tuple[Vector, Scores]

_MAX_SPLITS = 10_000


def front(results: Sequence[Result]) -> list[Result]:
    """The results that no other one beats: at least as good for each head, and better for one."""
    return [one for one in results if not any(_beats(other[1], one[1]) for other in results)]


def between(fronts: Sequence[Sequence[Result]], num: int, known: Sequence[Vector]) -> list[Vector]:
    """New weights where fronts are sparse: the middle of the longest edge, again and again.

    The edges of a front are those of the shortest tree that joins its points, in scores that go from 0 to 1 on it. The
    middle of an edge has the mean of the weights of its ends, and halves the edge.

    Args:
        fronts: Of each architecture, for instance.
        num: How many weights are wanted.
        known: Weights that are there already.

    Example:
        >>> ends = [((2.0, 0.0), (0.9, 0.1)), ((1.0, 1.0), (0.8, 0.7)), ((0.0, 2.0), (0.2, 0.75))]
        >>> between([ends], 2, [])
        [(1.5, 0.5), (0.5, 1.5)]
    """
    order = itertools.count()
    edges = [(-length, next(order), one, other) for each in fronts for length, one, other in _edges(each)]
    heapq.heapify(edges)
    made: dict[Vector, None] = {}
    for _ in range(_MAX_SPLITS):
        if not edges or len(made) == num:
            break
        length, _, one, other = heapq.heappop(edges)
        middle = scaled([(a + b) / 2 for a, b in zip(one, other, strict=True)])
        if middle not in known:
            made.setdefault(middle)
        if middle not in (one, other):
            for end in (one, other):
                heapq.heappush(edges, (length / 2, next(order), end, middle))
    return list(made)


def _beats(one: Scores, other: Scores) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _edges(results: Sequence[Result]) -> Iterator[tuple[float, Vector, Vector]]:
    """The shortest tree (Prim 1957): lengths, and the weights at both ends."""
    columns = [_from_0_to_1(column) for column in zip(*(scores for _, scores in results), strict=True)]
    places = list(zip(*columns, strict=True))
    joined, left = [0], list(range(1, len(results)))
    while left:
        length, i, j = min((math.dist(places[i], places[j]), i, j) for i in joined for j in left)
        yield length, results[i][0], results[j][0]
        joined.append(j)
        left.remove(j)


def _from_0_to_1(numbers: Sequence[float]) -> list[float]:
    low, high = min(numbers), max(numbers)
    return [(number - low) / (high - low) if high > low else 0.0 for number in numbers]
