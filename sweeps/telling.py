"""Which of very many values of an axis are looked at before there is a study: composing each would take minutes."""

import math
from collections.abc import Mapping, Sequence

from sweeps.values import leaves_of, value_of

_MAX_NUMBERS = 32

Numbers = Mapping[str, float]
"""The numbers that a value sets, by their keys: one, or those of a mapping, or of keys that go together."""


def telling(values: Sequence[Mapping[str, str]]) -> list[int]:
    """The places of the values to look at, the first one included.

    Few values are all looked at, and of many each that holds a word, which may be wrong for itself. Of the others there
    are the least and the greatest, those between in equal steps, and per key the least and the greatest number and one
    of each kind: 0, below 0, whole, infinite, no number.

    Args:
        values: What each of them sets: override key to text.
    """
    if len(values) <= _MAX_NUMBERS:
        return list(range(len(values)))
    numbers = [numbers_of(value) for value in values]
    found = [place for place, some in enumerate(numbers) if some is None]
    known = {place: some for place, some in enumerate(numbers) if some is not None}
    ordered = sorted(known, key=lambda place: size(known[place]))
    if ordered:
        found += [ordered[i * (len(ordered) - 1) // (_MAX_NUMBERS - 1)] for i in range(_MAX_NUMBERS)]
    extremes: dict[tuple[str, object], int] = {}
    for place, some in known.items():
        for key, number in some.items():
            extremes.setdefault((key, _kind(number)), place)
            for name, is_further in (("least", float.__lt__), ("greatest", float.__gt__)):
                there = extremes.setdefault((key, name), place)
                if is_further(float(number), float(known[there][key])):
                    extremes[key, name] = place
    return sorted({0, *found, *extremes.values()})


def numbers_of(value: Mapping[str, str]) -> Numbers | None:
    """All that a value sets, if these are numbers."""
    found: dict[str, float] = {}
    for name, text in value.items():
        for key, leaf in leaves_of(name, text):
            number = _number(key, leaf)
            if number is None:
                return None
            found[key] = number
    return found


def size(numbers: Numbers) -> tuple[int, float]:
    """By which a value is less than another one: several numbers first by how many of them are 0, then by their sum."""
    num_zeros = sum(number == 0 for number in numbers.values()) if len(numbers) > 1 else 0
    total = math.fsum(number for number in numbers.values() if math.isfinite(number))
    return -num_zeros, total


def _number(key: str, text: str) -> float | None:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    value = value_of(key, text)
    return value if isinstance(value, int | float) else None


def _kind(number: float) -> tuple[type, object]:
    sign = (number > 0) - (number < 0) if math.isfinite(number) else str(number)
    return type(number), sign
