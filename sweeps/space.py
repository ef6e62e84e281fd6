"""The axes of a sweep, its points and their identity."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, Transformer
from hydra.errors import HydraException

from sweeps.errors import StudyError
from sweeps.values import canonical, digest, typed, value_of

OPERATIONAL = ("study", "tracking", "hydra")
"""Configuration that says how and where a study runs. It is not part of a point: changing it makes no new trial."""

REPLICATE_KEY = "seed"
"""Points that differ in this override alone are replicates: they share a cell of every table."""

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
        identity: Hash of the configuration that it composes to; empty where nobody has composed it.
        cell: The same without the seed: equal for all replicates of a point.
    """

    overrides: dict[str, str]
    varied: tuple[str, ...] = ()
    identity: str = ""
    cell: str = ""

    @property
    def key(self) -> str:
        """Hash of the canonical overrides, in any order: whose a trial's directory is."""
        return digest({name: canonical(name, value) for name, value in self.overrides.items()})

    @property
    def cell_key(self) -> str:
        """What all replicates of a point share; by its overrides where nobody has composed it."""
        if self.cell:
            return self.cell
        rest = {name: value for name, value in self.overrides.items() if name != REPLICATE_KEY}
        return digest({name: canonical(name, value) for name, value in rest.items()})

    def as_arguments(self) -> list[str]:
        return [name if name.startswith("~") else f"{name}={value}" for name, value in self.overrides.items()]

    def axes(self, seed_key: str) -> tuple[str, ...]:
        """The keys that the sweep varies, without the seed of replicates."""
        return tuple(key for key in self.varied if not is_key(key, seed_key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A parsed command line.

    Attributes:
        fixed: Overrides that every point shares.
        operational: Overrides of `OPERATIONAL` keys, as typed; in a plan those that trials are to know.
        axes: Dimensions in the order typed.
        withheld: Override key to the value typed, where `fixed` has `***` in its place.
        order: The keys in the order typed, which is that of a point's overrides: a later one counts. Those that it
            lacks come last.
    """

    fixed: dict[str, str]
    operational: tuple[str, ...]
    axes: tuple[Axis, ...]
    withheld: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

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
        overrides = {**self.fixed, **varied}
        typed = {key: overrides[key] for key in self.order if key in overrides}
        return Point(overrides=typed | overrides, varied=self.varied)

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

    def replicated(self, num_replicates: int, first_seed: Any, key: str = REPLICATE_KEY) -> "Space":
        """The same space with an axis of seeds.

        Args:
            num_replicates: Seeds of each point.
            first_seed: What the configuration has under the key; None counts as 0.
            key: Where the application reads its seed.

        Raises:
            StudyError: The seed is swept as well, or is no whole number.
        """
        if num_replicates == 1:
            return self
        spelled = next((name for name in (*self.fixed, *self.varied) if is_key(name, key)), key)
        if spelled in self.varied:
            raise StudyError(f"study.replicates={num_replicates} and a sweep over {key}= exclude each other.")
        first = value_of(key, self.fixed[spelled]) if spelled in self.fixed else first_seed
        first = 0 if first is None else first
        if not isinstance(first, int) or isinstance(first, bool):
            raise StudyError(f"study.replicates={num_replicates} counts up from a whole number; {key} is {first!r}.")
        values = tuple(str(first + r) for r in range(num_replicates))
        seeds = Axis(key=spelled, values=values, text=f"{spelled}={','.join(values)}")
        fixed = {name: value for name, value in self.fixed.items() if name != spelled}
        return replace(self, fixed=fixed, axes=(*self.axes, seeds))


def is_key(override_key: str, key: str) -> bool:
    """Whether an override, with or without a plus, sets this key."""
    return override_key.lstrip("+") == key


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


def parse(
    arguments: Sequence[str],
    params: Mapping[str, Any],
    loader: ConfigLoader,
    operational_keys: Sequence[str] = OPERATIONAL,
) -> Space:
    """Read the overrides of a sweep.

    Args:
        arguments: Overrides of the command line.
        params: Sweeps from the configuration (`hydra.sweeper.params`); the command line wins over them.
        loader: Expands `glob(...)` over the options of a group.
        operational_keys: First parts of the keys that say how a study runs.

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
    order: dict[str, None] = {}
    for override in [*configured, *typed]:
        key = override.get_key_element()
        order.pop(key, None)
        order[key] = None
        is_operational = key.lstrip("+~").replace("/", ".").split(".")[0].split("@")[0] in operational_keys
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
    return Space(fixed=fixed, operational=tuple(operational), axes=tuple(axes.values()), order=tuple(order))


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
        seen.setdefault(typed(value_of(key, text_of_value)), text_of_value)
    if not seen:
        raise StudyError(f"{text} sweeps over no value.")
    return Axis(key=key, values=tuple(seen.values()), text=text)
