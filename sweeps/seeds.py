"""The seeds of a sweep: a dimension of a grid, or what each drawn point is trained with."""

from dataclasses import replace
from typing import Any

from sweeps.errors import StudyError
from sweeps.space import REPLICATE_KEY, Axis, Point, Space, is_key
from sweeps.values import value_of


def replicated(
    space: Space, num_replicates: int, first_seed: Any, key: str = REPLICATE_KEY, *, is_drawn: bool = False
) -> Space:
    """The same space with its seeds.

    Args:
        space: A parsed command line.
        num_replicates: Seeds of each point.
        first_seed: What the configuration has under the key; None counts as 0.
        key: Where the application reads its seed.
        is_drawn: Whether a sampler draws the points; in a grid the seeds are an axis.

    Raises:
        StudyError: The seed is swept as well, or is no whole number.
    """
    if num_replicates == 1:
        return space
    spelled = next((name for name in (*space.fixed, *space.varied) if is_key(name, key)), key)
    if spelled in space.varied:
        raise StudyError(f"study.replicates={num_replicates} and a sweep over {key}= exclude each other.")
    first = value_of(key, space.fixed[spelled]) if spelled in space.fixed else first_seed
    first = 0 if first is None else first
    if not isinstance(first, int) or isinstance(first, bool):
        raise StudyError(f"study.replicates={num_replicates} counts up from a whole number; {key} is {first!r}.")
    values = tuple(str(first + r) for r in range(num_replicates))
    seeds = Axis(key=spelled, values=values, text=f"{spelled}={','.join(values)}")
    fixed = {name: value for name, value in space.fixed.items() if name != spelled}
    if is_drawn:
        return replace(space, fixed=fixed, seeds=seeds)
    return replace(space, fixed=fixed, axes=(*space.axes, seeds))


def with_swept_seeds(space: Space, key: str) -> Space:
    """The space of a sampler, which gets no say in the seed: the values that were typed are those of each point.

    Args:
        space: A parsed command line.
        key: Where the application reads its seed.

    Raises:
        StudyError: The seed is to be drawn.
    """
    swept = next((axis for axis in space.axes if is_key(axis.key, key)), None)
    if swept is None:
        return space
    if not swept.is_finite:
        raise StudyError(f"{swept.text}: a sampler cannot draw the seed. {key}=0,1,2 trains each point with these.")
    return replace(space, axes=tuple(axis for axis in space.axes if axis is not swept), seeds=swept)


def with_seeds(space: Space, point: Point) -> list[Point]:
    """A drawn point, once for each of its seeds."""
    if space.seeds is None:
        return [point]
    key, varied = space.seeds.key, (*point.varied, space.seeds.key)
    return [replace(point, overrides={**point.overrides, key: one}, varied=varied) for one in space.seeds.values]


def unseeded(space: Space, point: Point) -> Point:
    """The point as it was drawn."""
    if space.seeds is None or space.seeds.key not in point.varied:
        return point
    overrides = {key: text for key, text in point.overrides.items() if key != space.seeds.key}
    return replace(point, overrides=overrides, varied=tuple(key for key in point.varied if key != space.seeds.key))
