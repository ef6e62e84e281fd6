"""The points of a sweep that are looked at before there is a study."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from sweeps.seeds import with_seeds
from sweeps.space import Axis, Point, Space, is_key
from sweeps.telling import numbers_of, size

_MAX_BETWEEN = 33
"""Numbers of an interval that are tried, in equal distances and on a logarithmic scale."""

_MAX_TRIED = 100_000
"""Combinations that are tried until one is found that the rules allow."""


def telling_points(space: Space, *, is_whole: bool, seed_key: str) -> list[Point]:
    """One point for each value of each axis and, of a grid that is run as a whole, its corners.

    Args:
        space: A parsed command line.
        is_whole: Whether each combination of the values is a trial.
        seed_key: Where the application reads its seed.
    """
    points = [*samples(space), *(_corners(space, seed_key) if is_whole else ())]
    return list({point.key: point for point in points}.values())


def samples(space: Space) -> Iterator[Point]:
    """One point for each value of each axis: what has to be composed to know that all compose.

    Of an axis of very many numbers there are the extremes and some between, as composing each would take minutes.
    """
    first = next(_points_with(space, {}), None)
    # What the constraints allow is too narrow to be found here; that it can be drawn is found out elsewhere.
    yield first or with_seeds(space, space.point({axis.key: axis.values[0] for axis in space.axes}))[0]
    for axis in space.axes:
        for value in axis.telling()[0 if axis.key in space.rules.when else 1 :]:
            yield from _points_with(space, {axis.key: value})


def _points_with(space: Space, chosen: Mapping[str, str]) -> Iterator[Point]:
    """One point with these values, the others as they come first; none where the rules allow none."""
    others = [(chosen[axis.key],) if axis.key in chosen else _candidates(axis, space) for axis in space.axes]
    keys = [axis.key for axis in space.axes]
    for values in itertools.islice(itertools.product(*others), _MAX_TRIED):
        point = space.point(dict(zip(keys, values, strict=True)))
        has_all = all(key in point.varied for key in chosen if key in space.rules.when)
        if has_all and space.rules.allow(point.overrides):
            yield with_seeds(space, point)[0]
            return


def _candidates(axis: Axis, space: Space) -> Sequence[str]:
    """Values of an axis that a point may have; where rules forbid some, also of a dimension without end several."""
    if axis.is_finite or not space.rules.constraints:
        return axis.values
    swept: Any = OverridesParser.create().parse_override(axis.text).value()
    low, high = swept.start, swept.end
    parts = [i / (_MAX_BETWEEN - 1) for i in range(_MAX_BETWEEN)]
    found = [low + (high - low) * part for part in parts]
    found += [low * (high / low) ** part for part in parts] if low > 0 else []
    is_whole = isinstance(low, int) and isinstance(high, int)
    return [*axis.values, *dict.fromkeys(str(round(value) if is_whole else value) for value in found)]


def _corners(space: Space, seed_key: str) -> Iterator[Point]:
    """The points where all numbers are smallest, and all are largest; other axes have their first value.

    What is fine on each axis alone may be wrong together, such as every weight 0.
    """
    usual = {axis.key: axis.values[0] for axis in space.axes}
    sizes = {axis.key: _sizes(axis) for axis in space.axes if not is_key(axis.key, seed_key)}
    sizes = {key: found for key, found in sizes.items() if found}
    for end in (min, max) if len(sizes) > 1 else ():
        point = space.point({**usual, **{key: end(found, key=found.__getitem__) for key, found in sizes.items()}})
        if space.rules.allow(point.overrides):
            yield point


def _sizes(axis: Axis) -> Mapping[str, tuple[int, float]]:
    """The values of an axis that are numbers, or hold nothing else; none where its values are texts."""
    numbers = {value: numbers_of(axis.chosen(value).overrides) for value in axis.values}
    sizes = {value: size(some) for value, some in numbers.items() if some and not any(map(math.isnan, some.values()))}
    return sizes if axis.linked or len(sizes) == len(numbers) else {}
