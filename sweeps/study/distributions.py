"""What a sampler may draw on an axis of a sweep: Optuna's distribution for Hydra's words."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sweeps.errors import StudyError
from sweeps.space import Axis
from sweeps.study.axes import choices_of


def distribution_of(axis: Axis) -> BaseDistribution:
    """The distribution of an axis.

    `int(interval(...))` draws whole numbers, and an interval with the tag `log` has a logarithmic scale. A range keeps
    its distances. Everything else, `glob(...)` too, is a choice. `shuffle(...)` means nothing to a sampler.

    Raises:
        StudyError: The ends of an interval are no numbers to draw between.
    """
    swept: Any = OverridesParser.create().parse_override(axis.text).value()
    if isinstance(swept, IntervalSweep):
        return _interval(axis, swept)
    if isinstance(swept, RangeSweep) and not getattr(swept, "transformers", ()):  # casts of values, since Hydra 1.4
        return _range(swept) or _choice(axis, swept)
    return _choice(axis, swept)


def drawn_from(trial: optuna.Trial, key: str, distribution: BaseDistribution) -> Any:
    """What a sampler gives for a key."""
    match distribution:
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(key, low, high, step=step, log=log)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(key, low, high, step=step, log=log)
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(key, choices)
    raise TypeError(f"{key}: Optuna has another kind of distribution: {distribution}.")


def choices_in(distribution: BaseDistribution, at_most: int) -> list[Any] | None:
    """All values that a distribution gives; None where they are more, or have no end."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if low == high:
        return [low]
    if step is None or (high - low) / step >= at_most:
        return None
    return [low + step * i for i in range(round((high - low) / step) + 1)]


def _interval(axis: Axis, swept: IntervalSweep) -> BaseDistribution:
    low, high, is_log = swept.start, swept.end, "log" in swept.tags
    if low is None or high is None or not -math.inf < low <= high < math.inf:  # also refuses nan
        raise StudyError(f"{axis.text}: an interval needs two finite numbers, the smaller one first.")
    if is_log and low <= 0:
        raise StudyError(f"{axis.text}: a logarithmic interval starts above 0, found {low}.")
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _range(swept: RangeSweep) -> BaseDistribution | None:
    """None where floating-point numbers cannot hold the range as Optuna counts it, from its lower end up."""
    given = (swept.start, swept.stop, swept.step)
    if all(isinstance(number, int) for number in given):
        numbers: Any = swept.range()
        return IntDistribution(min(numbers), max(numbers), step=abs(numbers.step))
    # As typed: a float that is made a decimal directly has the noise of its last bits.
    start, stop, step = (Decimal(str(number)) for number in given)
    last = start + (math.ceil((Fraction(stop) - Fraction(start)) / Fraction(step)) - 1) * step
    ends = min(start, last), max(start, last), abs(step)
    low, high, width = map(float, ends)
    is_exact = all(Decimal(str(number)) == end for number, end in zip((low, high, width), ends, strict=True))
    is_wide = low == high or width >= max(math.ulp(low), math.ulp(high))
    return FloatDistribution(low, high, step=width) if is_exact and is_wide else None


def _choice(axis: Axis, swept: Any) -> CategoricalDistribution:
    # Each worker shuffles in its own way, and all must offer the sampler equal choices.
    texts = sorted(axis.values) if getattr(swept, "shuffle", False) else axis.values
    return CategoricalDistribution(choices_of(axis.key, texts))
