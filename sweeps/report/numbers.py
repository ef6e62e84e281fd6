"""How numbers are written for people."""

import math
from collections.abc import Iterable

_SMALLEST, _LARGEST = 0.01, 1e6


def number_format(values: Iterable[float]) -> str:
    """Four decimals; four digits where the smallest or the largest of the values would be badly shown by them."""
    sizes = [abs(value) for value in values if value != 0 and math.isfinite(value)]
    return ".4f" if not sizes or (min(sizes) >= _SMALLEST and max(sizes) < _LARGEST) else ".4g"
