"""The points of a sweep that are looked at before there is a study."""

import math
from collections.abc import Iterator, Mapping

from sweeps.space import Axis, Point, Space, is_key
from sweeps.telling import numbers_of, size


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
    sizes = {axis.key: _sizes(axis) for axis in space.axes if not is_key(axis.key, seed_key)}
    sizes = {key: found for key, found in sizes.items() if found}
    for end in (min, max) if len(sizes) > 1 else ():
        yield space.point({**usual, **{key: end(found, key=found.__getitem__) for key, found in sizes.items()}})


def _sizes(axis: Axis) -> Mapping[str, tuple[int, float]]:
    """The values of an axis that are numbers, or hold nothing else; none where its values are texts."""
    numbers = {value: numbers_of(axis.chosen(value).overrides) for value in axis.values}
    sizes = {value: size(some) for value, some in numbers.items() if some and not any(map(math.isnan, some.values()))}
    return sizes if axis.linked or len(sizes) == len(numbers) else {}
