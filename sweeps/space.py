"""The axes of a sweep, its points and their identity."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sweeps.errors import StudyError
from sweeps.telling import telling
from sweeps.values import canonical, digest, leaves_of, value_of

OPERATIONAL = ("study", "tracking", "hydra")
"""Configuration that says how and where a study runs. It is not part of a point: changing it makes no new trial."""

REPLICATE_KEY = "seed"
"""Points that differ in this override alone are replicates: they share a cell of every table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Overrides that go together: one of `study.points`, or one value of an axis.

    Attributes:
        overrides: Override key to value text.
        role: What it is in its study, such as `baseline`; empty where nobody says it. It is no part of a point.
    """

    overrides: Mapping[str, str]
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A dimension of the sweep.

    Attributes:
        key: Override key.
        values: Its values as override texts; for a continuous dimension one value inside of it.
        text: The sweep as typed.
        is_finite: Whether `values` are all.
        linked: What each of the values stands for, where the dimension has several keys; the values are places in it.
    """

    key: str
    values: tuple[str, ...]
    text: str
    is_finite: bool = True
    linked: tuple[Linked, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All override keys that it varies."""
        return tuple(dict.fromkeys(key for one in self.linked for key in one.overrides)) or (self.key,)

    def chosen(self, value: str) -> Linked:
        """What one of the values stands for."""
        return self.linked[int(value)] if self.linked else Linked(overrides={self.key: value})

    def telling(self) -> list[str]:
        """The first value, and as many of the others as are to be looked at."""
        return [self.values[place] for place in telling([self.chosen(value).overrides for value in self.values])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One combination of overrides.

    Attributes:
        overrides: Override key to value text, fixed and varied ones.
        varied: The keys that the sweep varies.
        identity: Hash of the configuration that it composes to; empty where nobody has composed it.
        cell: The same without the seed: equal for all replicates of a point.
        role: What it is in its study, such as `baseline`; it changes no configuration.
        also: Overrides by which another line has varied it: they, too, compose to this configuration.
    """

    overrides: dict[str, str]
    varied: tuple[str, ...] = ()
    identity: str = ""
    cell: str = ""
    role: str = ""
    also: Mapping[str, str] = field(default_factory=dict)

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

    @property
    def leaves(self) -> "Point":
        """The same point as tables and other tools compare it: a mapping is one key per value in it.

        What is run, and whose a directory is, goes by the overrides as they were typed.
        """
        opened = {key: leaves_of(key, text) for key, text in {**self.overrides, **self.also}.items()}
        overrides = {key: text for leaves in opened.values() for key, text in leaves}
        varied = tuple(dict.fromkeys(key for name in (*self.varied, *self.also) for key, _ in opened[name]))
        return replace(self, overrides=overrides, varied=varied, cell=self.cell_key)

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
        return tuple(key for axis in self.axes for key in axis.keys)

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

    def point(self, values: Mapping[str, str]) -> Point:
        """The point of one value per axis, by the axis's key."""
        chosen = [axis.chosen(values[axis.key]) for axis in self.axes]
        varied = {key: text for one in chosen for key, text in one.overrides.items()}
        overrides = {**self.fixed, **varied}
        typed = {key: overrides[key] for key in self.order if key in overrides}
        role = next((one.role for one in chosen if one.role), "")
        return Point(overrides=typed | overrides, varied=tuple(varied), role=role)

    def with_linked(self, more: Sequence[Linked]) -> "Space":
        """The space with further values of its linked dimension."""

        def longer(axis: Axis) -> Axis:
            linked = (*axis.linked, *more)
            return replace(axis, linked=linked, values=tuple(map(str, range(len(linked)))))

        return replace(self, axes=tuple(longer(axis) if axis.linked else axis for axis in self.axes))

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
            for value in axis.telling()[1:]:
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


def is_operational(override_key: str, operational_keys: Sequence[str] = OPERATIONAL) -> bool:
    """Whether an override says how a study runs; `paths` and `study/x@y` are named by their first part."""
    return override_key.lstrip("+~").replace("/", ".").split(".")[0].split("@")[0] in operational_keys
