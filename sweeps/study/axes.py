"""One distribution per axis and study: how Optuna's tables have what grids vary, so that its tools can compare."""

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)

from sweeps.space import REPLICATE_KEY, Point
from sweeps.values import typed, value_of

VALUES, DRAWN = "axes", "drawn_axes"
"""Attributes of Optuna's study: key to the values that grids have swept; key to what a sampler draws from."""

_MAX_NUMBERS, _MAX_CHOICES, _LONGEST_KEY = 32, 256, 512

_NOISE = 1e-6
"""Part of a step by which a value may miss it: it was multiplied and read from text."""

Param = tuple[BaseDistribution, Any]
"""A distribution, and the value in it."""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The axes of a study.

    A grid tries each of its values equally often, so an axis is a choice, numbers too: Optuna's importances then weigh
    its values alike. An axis of more than 32 numbers is the interval between the ends. The seed is no parameter.

    Attributes:
        values: Key to the values of its axis as override texts, in the order in which they came.
        drawn: Key to the distribution that a sampler of the study draws it from.
        seed_key: What tells replicates apart.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    drawn: Mapping[str, BaseDistribution] = field(default_factory=dict)
    seed_key: str = REPLICATE_KEY

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "Axes":
        """As the attributes of Optuna's study say."""
        drawn = {key: json_to_distribution(text) for key, text in (attributes.get(DRAWN) or {}).items()}
        return cls(
            values=attributes.get(VALUES) or {}, drawn=drawn, seed_key=attributes.get("seed_key") or REPLICATE_KEY
        )

    def attributes(self) -> dict[str, Any]:
        """What `of` reads."""
        drawn = {key: distribution_to_json(distribution) for key, distribution in self.drawn.items()}
        return {VALUES: {key: list(texts) for key, texts in self.values.items()}, DRAWN: drawn}

    def with_points(self, points: Iterable[Point]) -> "Axes":
        """These, with the values of the points behind those that are there."""
        values = {key: {_same(key, text): text for text in texts} for key, texts in self.values.items()}
        for point in (point.leaves for point in points):
            for key in point.varied:
                text = point.overrides[key]
                values.setdefault(key, {}).setdefault(_same(key, text), text)
        return replace(self, values={key: list(texts.values()) for key, texts in values.items()})

    def with_drawn(self, drawn: Mapping[str, BaseDistribution]) -> "Axes":
        """These, with what a sampler draws from now on."""
        return replace(self, drawn={**self.drawn, **drawn})

    def knows(self, key: str, text: str) -> bool:
        """Whether a value is on its axis, or needs none."""
        if key in self.drawn or self._is_left_out(key):
            return True
        return _same(key, text) in self._places.get(key, ())

    def param(self, key: str, text: str) -> Param | None:
        """The parameter that a trial has for a value; None where it is to be an attribute."""
        if key in self.drawn:
            return _beside(self.drawn[key], key, text)
        distribution = self._distributions.get(key)
        if isinstance(distribution, CategoricalDistribution):
            place = self._places[key].get(_same(key, text))
            return None if place is None else (distribution, distribution.choices[place])
        number = value_of(key, text) if distribution else None
        return (distribution, number) if distribution and _lies_in(distribution, number) else None

    def moved(self, key: str, distribution: BaseDistribution, value: Any) -> Param | None:
        """The parameter in place of one that a trial has; None where it is to be an attribute."""
        if key in self.drawn and _is_compatible(self.drawn[key], distribution):
            return distribution, value
        return self.param(key, value if isinstance(value, str) else self._text(key, value))

    def _text(self, key: str, value: Any) -> str:
        """The override text of a value that a parameter has: an earlier version made each number a float."""
        equal = (text for text in self.values.get(key, ()) if _is_equal(value_of(key, text), value))
        return next(equal, str(value))

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {key: {_same(key, text): i for i, text in enumerate(texts)} for key, texts in self.values.items()}

    @cached_property
    def _distributions(self) -> dict[str, BaseDistribution]:
        found = {key: _distribution(key, texts) for key, texts in self.values.items() if not self._is_left_out(key)}
        return {key: distribution for key, distribution in found.items() if distribution is not None}

    def _is_left_out(self, key: str) -> bool:
        return key.lstrip("+") == self.seed_key or len(key) > _LONGEST_KEY


def choices_of(key: str, texts: Iterable[str]) -> list[str | int | float | bool]:
    """Values of an axis as Optuna's choices: numbers as such; the rest, such as text in quotes or a list, as typed."""
    choices: list[str | int | float | bool] = []
    for text in texts:
        value = value_of(key, text)
        is_plain = isinstance(value, int | float) and value not in choices  # Optuna takes 1, 1.0 and true for one
        choices.append(value if is_plain else text)
    return choices


def place_in(distribution: BaseDistribution, key: str, text: str) -> Any:
    """A value, given as text, as one of those that a distribution gives; None where it is none of them."""
    value = value_of(key, text)
    if isinstance(distribution, CategoricalDistribution):
        asked = typed(value)
        return next((each for each in distribution.choices if typed(value_of(key, str(each))) == asked), None)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not distribution.low <= value <= distribution.high
    ):
        return None
    steps = (value - distribution.low) / (distribution.step or 1)
    if (distribution.step or isinstance(distribution, IntDistribution)) and abs(steps - round(steps)) > _NOISE:
        return None
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def attribute(text: str) -> int | float | str:
    """A number where there is one that any reader of JSON takes, else the text."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            number = kind(text)
            return number if math.isfinite(number) else text
    return text


def _distribution(key: str, texts: Sequence[str]) -> BaseDistribution | None:
    numbers = [value_of(key, text) for text in texts]
    if len(texts) > _MAX_NUMBERS and all(map(_is_number, numbers)):
        ends = min(numbers), max(numbers)
        return IntDistribution(*ends) if all(isinstance(n, int) for n in numbers) else FloatDistribution(*ends)
    if len(texts) > _MAX_CHOICES:  # each trial has a copy of them
        return None
    choices = [
        choice if _is_finite(choice) else text for choice, text in zip(choices_of(key, texts), texts, strict=True)
    ]
    return CategoricalDistribution(choices)


def _beside(drawn: Any, key: str, text: str) -> Param | None:
    """A value of a grid beside those that a sampler draws: in a distribution that Optuna takes there."""
    if (place := place_in(drawn, key, text)) is not None:
        return drawn, place
    (value,) = choices_of(key, [text])
    if isinstance(drawn, CategoricalDistribution):
        return (drawn, value) if any(_is_equal(choice, value) for choice in drawn.choices) else None
    if not _is_number(value) or (drawn.log and value <= 0):  # type: ignore[operator]
        return None
    if isinstance(drawn, IntDistribution):
        return (IntDistribution(value, value, log=drawn.log), value) if isinstance(value, int) else None
    return FloatDistribution(float(value), float(value), log=drawn.log), float(value)


def _lies_in(distribution: Any, value: Any) -> bool:
    return _is_number(value) and distribution.low <= value <= distribution.high


def _is_compatible(one: BaseDistribution, other: BaseDistribution) -> bool:
    try:
        check_distribution_compatibility(one, other)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _is_equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _same(key: str, text: str) -> str:
    """Equal for two ways to type one value."""
    return typed(value_of(key, text))
