"""The Pareto front of several metrics, and the room below it."""

from collections.abc import Sequence

import numpy as np

Point = Sequence[float]


def front(points: Sequence[Point], directions: Sequence[str]) -> list[int]:
    """Indices of the points that no other point beats; equal ones are all among them.

    Args:
        points: One value per metric each.
        directions: `max` or `min` per metric.
    """
    turned = np.asarray(points, dtype=float).reshape(-1, len(directions)) * [
        1 if direction == "max" else -1 for direction in directions
    ]
    found: list[int] = []
    # In this order no later point beats an earlier one.
    for i in np.lexsort(-turned.T[::-1]):
        known = turned[found]
        if not ((known >= turned[i]).all(axis=1) & (known > turned[i]).any(axis=1)).any():
            found.append(int(i))
    return sorted(found)


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The room between a reference and the points that are better in each metric; more is better (Zitzler 1998).

    Studies are comparable where the reference is fixed: scale each metric by `tasks.skill` and refer to 0. Then 1.0 is
    all single-task networks at once. Exact, by slices along the last metric (While et al. 2006).

    Args:
        points: One value per metric each, more is better.
        reference: One value per metric.
    """
    above = [tuple(point) for point in points if all(x > r for x, r in zip(point, reference, strict=True))]
    return _volume(above, tuple(reference))


def _volume(points: Sequence[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    if not points:
        return 0.0
    if len(reference) == 1:
        return max(point[0] for point in points) - reference[0]
    total, bottom = 0.0, reference[-1]
    levels = sorted({point[-1] for point in points})
    for level in levels:
        slab = [point[:-1] for point in points if point[-1] >= level]
        best = [slab[i] for i in front(slab, ["max"] * (len(reference) - 1))]
        total += (level - bottom) * _volume(best, reference[:-1])
        bottom = level
    return total
