"""The axes of a sweep, its points and their identity."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sweeps.rules import Rules
from sweeps.telling import telling
from sweeps.values import canonical, digest, leaves_of

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

    def seed(self, seed_key: str) -> str:
        """Its seed among replicates; empty where it has none."""
        overrides = {**self.overrides, **self.also}
        return next((text for key, text in overrides.items() if is_key(key, seed_key)), "")

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
        rules: Which combinations are points.
        seeds: The seeds that each point is drawn for; None: it is trained once, or they are a dimension of a grid.
    """

    fixed: dict[str, str]
    operational: tuple[str, ...]
    axes: tuple[Axis, ...]
    withheld: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)
    seeds: Axis | None = None

    @property
    def is_finite(self) -> bool:
        return all(axis.is_finite for axis in self.axes)

    @property
    def varied(self) -> tuple[str, ...]:
        return tuple(key for axis in self.axes for key in axis.keys)

    @property
    def in_order(self) -> list[str]:
        """The keys of the dimensions, each behind those that it depends on."""
        left, found = [axis.key for axis in self.axes], list[str]()
        while left:
            waits = {key: [other for other in self.rules.when.get(key, ()) if other in left] for key in left}
            ready = [key for key in left if not waits[key]]
            found += ready or left  # rules that go in a circle are refused before
            left = [key for key in left if key not in found]
        return found

    @property
    def num_points(self) -> int:
        """Points of the grid, at most: its rules may leave some out."""
        total = 1
        for axis in self.axes:
            total *= len(axis.values)
        return total

    def grid(self) -> Iterator[Point]:
        """Every combination of the values that is a point, the last axis fastest; rules may give a point twice."""
        for values in itertools.product(*(axis.values for axis in self.axes)):
            point = self.point(dict(zip((axis.key for axis in self.axes), values, strict=True)))
            if self.rules.allow(point.overrides):
                yield point

    def point(self, values: Mapping[str, str]) -> Point:
        """The point of one value per axis, by the axis's key."""
        chosen = [axis.chosen(values[axis.key]) for axis in self.axes]
        varied = {key: text for one in chosen for key, text in one.overrides.items()}
        overrides = {**self.fixed, **varied}
        idle = self.rules.idle(overrides) if self.rules.when else ()
        overrides = {key: text for key, text in overrides.items() if key not in idle}
        varied = {key: text for key, text in varied.items() if key not in idle}
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


def is_key(override_key: str, key: str) -> bool:
    """Whether an override, with or without a plus, sets this key."""
    return override_key.lstrip("+") == key


def is_operational(override_key: str, operational_keys: Sequence[str] = OPERATIONAL) -> bool:
    """Whether an override says how a study runs; `paths` and `study/x@y` are named by their first part."""
    return override_key.lstrip("+~").replace("/", ".").split(".")[0].split("@")[0] in operational_keys
