"""How numbers are written for people."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SMALLEST, _LARGEST = 0.01, 1e6
_MOST_DECIMALS = 7


def number_format(values: Iterable[float]) -> str:
    """Four decimals; four digits where the smallest or the largest of the values would be badly shown by them."""
    sizes = [abs(value) for value in values if value != 0 and math.isfinite(value)]
    return ".4f" if not sizes or (min(sizes) >= _SMALLEST and max(sizes) < _LARGEST) else ".4g"


def short(value: float) -> str:
    """A number in a sentence: two digits."""
    return f"{value:.2g}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A mean and its spread as texts.

    Attributes:
        mean: The mean, to the place of the last digit of its spread.
        spread: Two digits; None where there is none.
        power: The power of ten that both are to be multiplied by, 0 for most.
    """

    mean: str
    spread: str | None = None
    power: int = 0


def measured(means: Sequence[float | None], spreads: Sequence[float | None]) -> list[Measured | None]:
    """Means with as many digits as their spread has two of (PDG 2024, section 5.3).

    Where one has no spread, or a spread of 0, it has as many decimals as the finest of the others; without any, all
    are written as `number_format` says.

    Args:
        means: One per row; None where there is none.
        spreads: One per row, None where there is none; or empty.
    """
    spreads = spreads or (None,) * len(means)
    places = [_decimals(spread) for spread in spreads if spread and math.isfinite(spread)]
    finest = max(places, default=None)
    usual = number_format(mean for mean in means if mean is not None)
    return [
        None if mean is None else _one(mean, spread, finest, usual) for mean, spread in zip(means, spreads, strict=True)
    ]


def _one(mean: float, spread: float | None, finest: int | None, usual: str) -> Measured:
    decimals = _decimals(spread) if spread and math.isfinite(spread) else finest
    if decimals is None or not math.isfinite(mean):
        return Measured(f"{mean:{usual}}", None if spread is None else f"{spread:{usual}}")
    if decimals > _MOST_DECIMALS or abs(mean) >= _LARGEST:
        power = math.floor(math.log10(max(abs(mean), spread or 0.0))) if mean or spread else 0
        return _fixed(mean / 10**power, None if spread is None else spread / 10**power, decimals + power, power)
    return _fixed(mean, spread, decimals)


def _fixed(mean: float, spread: float | None, decimals: int, power: int = 0) -> Measured:
    digits = max(decimals, 0)
    texts = [None if value is None else f"{round(value, decimals) + 0.0:.{digits}f}" for value in (mean, spread)]
    return Measured(texts[0] or "", texts[1], power)


def _decimals(spread: float) -> int:
    """Decimals that show two digits of a spread; negative where it has more than two before the point."""
    return 1 - int(f"{spread:.1e}".partition("e")[2])
