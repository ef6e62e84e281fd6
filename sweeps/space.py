"""The axes of a sweep, its points and their identity."""

import contextlib
import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, Transformer
from hydra.errors import HydraException

from sweeps.errors import StudyError

OPERATIONAL = ("study", "tracking", "paths", "hydra")
"""Configuration that says how and where a study runs. It is not part of a point: changing it makes no new trial."""

REPLICATE_KEY = "seed"
"""Points that differ in this override alone are replicates: they share a cell of every table."""

ADDRESSES = ("study.storage=", "tracking.uri=")
"""Overrides that say where a server is, and may hold a password."""

_MAX_NUMBERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A dimension of the sweep.

    Attributes:
        key: Override key.
        values: Its values as override texts; for a continuous dimension one value inside of it.
        text: The sweep as typed.
        is_finite: Whether `values` are all.
    """

    key: str
    values: tuple[str, ...]
    text: str
    is_finite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One combination of overrides.

    Attributes:
        overrides: Override key to value text, fixed and varied ones.
        varied: The keys that the sweep varies.
    """

    overrides: dict[str, str]
    varied: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Hash of the canonical overrides: equal for `0.5` and `.50`, and for any order."""
        return digest({name: canonical(name, value) for name, value in self.overrides.items()})

    @property
    def cell_key(self) -> str:
        """Hash of the overrides without the seed: equal for all replicates of a point."""
        rest = {name: value for name, value in self.overrides.items() if name != REPLICATE_KEY}
        return digest({name: canonical(name, value) for name, value in rest.items()})

    def as_arguments(self) -> list[str]:
        return [name if name.startswith("~") else f"{name}={value}" for name, value in self.overrides.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A parsed command line.

    Attributes:
        fixed: Overrides that every point shares.
        operational: Overrides of `OPERATIONAL` keys, as typed.
        axes: Dimensions in the order typed.
        withheld: Override key to the value typed, where `fixed` has `***` in its place.
    """

    fixed: dict[str, str]
    operational: tuple[str, ...]
    axes: tuple[Axis, ...]
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_finite(self) -> bool:
        return all(axis.is_finite for axis in self.axes)

    @property
    def varied(self) -> tuple[str, ...]:
        return tuple(axis.key for axis in self.axes)

    @property
    def num_points(self) -> int:
        """Points of the grid."""
        total = 1
        for axis in self.axes:
            total *= len(axis.values)
        return total

    def grid(self) -> Iterator[Point]:
        """Every combination of the values, the last axis fastest."""
        for values in itertools.product(*(axis.values for axis in self.axes)):
            yield self.point(dict(zip((axis.key for axis in self.axes), values, strict=True)))

    def point(self, varied: Mapping[str, str]) -> Point:
        return Point(overrides={**self.fixed, **varied}, varied=self.varied)

    def as_typed(self, argument: str) -> str:
        """An override of a point, with the value that was withheld from the point."""
        key = argument.partition("=")[0]
        return f"{key}={self.withheld[key]}" if key in self.withheld else argument

    def samples(self) -> Iterator[Point]:
        """One point for each value of each axis: what has to be composed to know that all compose.

        Of an axis of very many numbers there are the extremes and some between, as composing each would take minutes.
        """
        first = {axis.key: axis.values[0] for axis in self.axes}
        yield self.point(first)
        for axis in self.axes:
            for value in _telling(axis.values)[1:]:
                yield self.point({**first, axis.key: value})

    def replicated(self, num_replicates: int, first_seed: int) -> "Space":
        """The same space with an axis of seeds.

        Raises:
            StudyError: The seed is swept as well.
        """
        if num_replicates == 1:
            return self
        if "seed" in self.varied:
            raise StudyError(f"study.replicates={num_replicates} and a sweep over seed= exclude each other.")
        first = int(self.fixed.get("seed", first_seed))
        values = tuple(str(first + r) for r in range(num_replicates))
        seeds = Axis(key="seed", values=values, text=f"seed={','.join(values)}")
        fixed = {key: value for key, value in self.fixed.items() if key != "seed"}
        return Space(fixed=fixed, operational=self.operational, axes=(*self.axes, seeds))


def _telling(values: Sequence[str]) -> list[str]:
    """The first value, and as many of the others as are to be looked at."""
    if len(values) <= _MAX_NUMBERS:
        return list(values)
    try:
        ordered = sorted(values, key=float)
    except ValueError:  # names: each may be wrong for itself
        return list(values)
    spread = [ordered[i * (len(ordered) - 1) // (_MAX_NUMBERS - 1)] for i in range(_MAX_NUMBERS)]
    return [values[0], *(value for value in spread if value != values[0])]


def parse(arguments: Sequence[str], params: Mapping[str, Any], loader: ConfigLoader) -> Space:
    """Read the overrides of a sweep.

    Args:
        arguments: Overrides of the command line.
        params: Sweeps from the configuration (`hydra.sweeper.params`); the command line wins over them.
        loader: Expands `glob(...)` over the options of a group.

    Raises:
        StudyError: A dimension is empty, or an operational key is swept.
        OverrideParseException: An override is not in Hydra's grammar.
    """
    parser = OverridesParser.create(config_loader=loader)
    typed = parser.parse_overrides(list(arguments))
    keys = {override.get_key_element() for override in typed}
    configured = parser.parse_overrides([f"{key}={value}" for key, value in params.items() if key not in keys])
    fixed: dict[str, str] = {}
    operational: list[str] = []
    axes: dict[str, Axis] = {}
    for override in [*configured, *typed]:
        key = override.get_key_element()
        is_operational = key.lstrip("+~").replace("/", ".").split(".")[0].split("@")[0] in OPERATIONAL
        if is_operational and override.is_sweep_override():
            raise StudyError(f"{override.input_line} cannot be swept: {key} says how a study runs, not what.")
        if is_operational:
            operational.append(str(override.input_line))
        elif not override.is_sweep_override():
            axes.pop(key, None)  # what is typed later counts, as everywhere in Hydra
            fixed[key] = override.get_value_element_as_str() if not override.is_delete() else ""
        else:
            fixed.pop(key, None)
            axes[key] = _axis(override)
    return Space(fixed=fixed, operational=tuple(operational), axes=tuple(axes.values()))


@functools.lru_cache(maxsize=2**16)  # half a millisecond each; a study repeats few values in many points
def value_of(key: str, text: str) -> Any:
    """The value of an override as Hydra reads it, not to be changed; None for a deletion."""
    return None if key.startswith("~") else _parser().parse_override(f"{key}={text}").value()


@functools.cache
def _parser() -> OverridesParser:
    return OverridesParser.create()  # looks up the signatures of all its functions


def canonical(key: str, text: str) -> Any:
    """The value as plain data, with whole floats as integers: equal for `1`, `1.0` and `1e0`."""
    return _plain(value_of(key, text))


def digest(value: Any) -> str:
    """A short stable hash of plain values."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _text(key: str, value: Any) -> str:
    """A value of a sweep as an override has it; `choice('a&b', '1')` forgets that its texts were quoted."""
    text: str = Transformer.str(value)
    if not isinstance(value, str):
        return text
    with contextlib.suppress(HydraException):
        if value_of(key, text) == value:
            return text
    return QuotedString(text=value, quote=Quote.single).with_quotes()


def _axis(override: Override) -> Axis:
    key, text = override.get_key_element(), str(override.input_line)
    if not override.is_discrete_sweep():
        interval: Any = override.value()
        return Axis(key=key, values=(str(interval.start),), text=text, is_finite=False)
    seen: dict[str, str] = {}
    for value in override.sweep_iterator():
        text_of_value = _text(key, value)
        seen.setdefault(json.dumps(canonical(key, text_of_value)), text_of_value)
    if not seen:
        raise StudyError(f"{text} sweeps over no value.")
    return Axis(key=key, values=tuple(seen.values()), text=text)
