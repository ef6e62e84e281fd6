"""The points of a sweep that are looked at before there is a study."""

import math
from collections.abc import Iterator, Sequence

from sweeps.space import Point, Space, is_key


def telling_points(space: Space, *, is_whole: bool, seed_key: str) -> list[Point]:
    """One point for each value of each axis and, of a grid that is run as a whole, its corners.

    Args:
        space: A parsed command line.
        is_whole: Whether each combination of the values is a trial.
        seed_key: Where the application reads its seed.
    """
    points = [*space.samples(), *(_corners(space, seed_key) if is_whole else ())]
    return list({point.key: point for point in points}.values())


def _corners(space: Space, seed_key: str) -> Iterator[Point]:
    """The points where all numbers are smallest, and all are largest; other axes have their first value.

    What is fine on each axis alone may be wrong together, such as every weight 0.
    """
    usual = {axis.key: axis.values[0] for axis in space.axes}
    axes = [axis for axis in space.axes if _are_numbers(axis.values) and not is_key(axis.key, seed_key)]
    for end in (min, max) if len(axes) > 1 else ():
        yield space.point({**usual, **{axis.key: end(axis.values, key=float) for axis in axes}})


def _are_numbers(values: Sequence[str]) -> bool:
    try:
        return not any(math.isnan(float(value)) for value in values)
    except ValueError:
        return False
