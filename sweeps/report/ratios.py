"""Points that differ by scale only in a mapping of which the ratios alone count, such as the weights of losses."""

import math
from collections.abc import Iterator, Sequence

from sweeps.output import counted
from sweeps.space import Point
from sweeps.values import value_of

_MAX_TOLD = 5

Numbers = dict[str, float]


def ratio_lines(points: Sequence[Point], mappings: Sequence[str], seed_key: str) -> list[str]:
    """Which points differ by scale only: each is trained, and a reader should know.

    Args:
        points: The points of a grid.
        mappings: Dotted keys of such mappings.
        seed_key: What tells replicates apart; of these the first is looked at.
    """
    lines = [line for mapping in mappings for line in _scaled(points, mapping, seed_key)]
    left = [f"Note: ... and {counted(len(lines) - _MAX_TOLD, 'more pair')}."] if lines[_MAX_TOLD:] else []
    return [*lines[:_MAX_TOLD], *left]


def _scaled(points: Sequence[Point], mapping: str, seed_key: str) -> Iterator[str]:
    known: dict[tuple[tuple[str, str], ...], list[Numbers]] = {}
    told: set[tuple[str, str]] = set()
    for point in points:
        leaves = point.leaves.overrides
        inside = {key: text for key, text in leaves.items() if key.lstrip("+").startswith(f"{mapping}.")}
        numbers = {key: value_of(key, text) for key, text in inside.items()}
        if len(numbers) < 2 or not all(map(_is_number, numbers.values())):
            continue
        rest = tuple((key, text) for key, text in leaves.items() if key not in inside and key.lstrip("+") != seed_key)
        others = known.setdefault(rest, [])
        for other in others:
            pair = _text(other), _text(numbers)
            if _differ_by_scale(other, numbers) and pair not in told:
                told.add(pair)
                yield f"Note: {mapping} {pair[0]} and {pair[1]} differ by scale only, and each is trained."
        if numbers not in others:
            others.append(numbers)


def _differ_by_scale(one: Numbers, other: Numbers) -> bool:
    """Whether one is the other times a positive factor, not 1."""
    if one.keys() != other.keys() or one == other or not any(one.values()):
        return False
    factor = sum(other.values()) / sum(one.values()) if sum(one.values()) else math.nan
    return factor > 0 and all(math.isclose(factor * one[key], other[key], rel_tol=1e-9) for key in one)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(numbers: Numbers) -> str:
    return "/".join(f"{number:g}" for number in numbers.values())
