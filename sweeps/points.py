"""The points that `study.points` gives: keys that go together, which Hydra's grammar cannot sweep together.

They are a list of mappings, or a `_target_` that gives one, such as a class with `__iter__`. Such an object may also
have a `note`, which the preview shows, and a method `refine`, which `study.refine` asks for more of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.errors import StudyError, first_line
from sweeps.grammar import IN_SWEEPER
from sweeps.space import Axis, Linked, Space, is_operational
from sweeps.values import text_of, typed, value_of
from sweeps.versions import build_trusted, targets, why_not_built

POINTS = "study.points"
ROLE = "_role_"
"""Key of a mapping that is no override: what the point is in its study."""

_PLAIN = (str, bool, int, float, type(None))

Refine = Callable[[Sequence[Mapping[str, Any]], Mapping[str, str], int], Sequence[Mapping[str, Any]]]
"""Gives so many further points. It gets a mapping per cell that has results, with `point` (key to value), `others` (the
same of what else varies), `role` and `metrics` (name to mean), and the directions of metrics, `max` or `min`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The points of a command, as they were given.

    Attributes:
        linked: The points.
        note: What their generator says of all of them.
        refine: Gives more of them; None where nobody can.
        operational: First parts of the keys that no point may have.
    """

    linked: tuple[Linked, ...]
    note: str = ""
    refine: Refine | None = None
    operational: Sequence[str] = ()

    def more(self, results: Sequence[Mapping[str, Any]], directions: Mapping[str, str], num: int) -> tuple[Linked, ...]:
        """Points that the generator adds."""
        try:
            made = self.refine(results, directions, num) if self.refine else ()
        except (HydraException, TypeError, ValueError) as error:
            raise StudyError(f"study.refine={num}: {first_line(error)}") from error
        return tuple(_linked("study.refine", i, point, self.operational) for i, point in enumerate(made))


def given_points(config: DictConfig, study_key: str | None, operational: Sequence[str], trusted: Any) -> Given | None:
    """Read `study.points`; None where there are none.

    Args:
        config: A composed configuration.
        study_key: Where the settings of the study are; None: below `hydra.sweeper` only.
        operational: First parts of the keys that say how a study runs.
        trusted: Constructors that the application trusts, as Hydra keeps them; None: it has no list.

    Raises:
        StudyError: They cannot be read, or one of them is no point.
    """
    made = _made(config, study_key, trusted)
    if made is None:
        return None
    if isinstance(made, str | Mapping) or not hasattr(made, "__iter__"):
        raise StudyError(f"{POINTS}={made!r} must be a list of mappings, or a _target_ that gives one.")
    linked = _distinct(_linked(POINTS, i, point, operational) for i, point in enumerate(made))
    if not linked:
        raise StudyError(f"{POINTS} has no point.")
    note, refine = str(getattr(made, "note", "")), getattr(made, "refine", None)
    return Given(linked=linked, note=note, refine=refine, operational=operational)


def with_points(space: Space, linked: Sequence[Linked]) -> Space:
    """The space with a dimension of these points behind the others.

    Raises:
        StudyError: A key of them is typed as well.
    """
    points = Axis(key=POINTS, values=tuple(map(str, range(len(linked)))), text=POINTS, linked=tuple(linked))
    others = {key.lstrip("+~"): key for key in (*space.fixed, *space.varied)}
    for key in points.keys:
        if (name := key.lstrip("+")) in others:
            raise StudyError(f"{others[name]} is typed, and {POINTS} gives it, too. Leave one of them out.")
    return replace(space, axes=(*space.axes, points))


def _distinct(linked: Iterable[Linked]) -> tuple[Linked, ...]:
    """Of equal points the first."""
    found: dict[str, Linked] = {}
    for one in linked:
        found.setdefault(typed({key: value_of(key, text) for key, text in one.overrides.items()}), one)
    return tuple(found.values())


def _made(config: DictConfig, study_key: str | None, trusted: Any) -> Any:
    """What is written there, interpolations in a list unresolved: each trial resolves its own."""
    try:
        for place in (f"{IN_SWEEPER}study", *([study_key] if study_key else [])):
            written = OmegaConf.select(config, f"{place}.points")
            if isinstance(written, ListConfig):
                return [_plain(point) for point in written]
            if isinstance(written, DictConfig) and "_target_" in written:
                spec = OmegaConf.to_container(written, resolve=True, throw_on_missing=True)
                # A line from a database names no `_target_`, so this one stands in a file of the application.
                return build_trusted(spec, trusted, list(targets(spec)) if trusted is None else ())
            if written is not None:
                return _plain(written)
    except (HydraException, OmegaConfBaseException, TypeError, ValueError) as error:
        raise StudyError(f"{POINTS}: {why_not_built(error, trusted)}") from error
    return None


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node


def _linked(what: str, position: int, point: Any, operational: Sequence[str]) -> Linked:
    """One point, checked."""
    place = f"{what}[{position}]"
    if not isinstance(point, Mapping):
        raise StudyError(f"{place}={point!r} must be a mapping of keys to values.")
    role = point.get(ROLE, "")
    if not isinstance(role, str) or role != role.strip() or "\n" in role:
        raise StudyError(f"{place}: {ROLE}={role!r} must be a word, such as baseline.")
    overrides: dict[str, str] = {}
    for key, value in _flat(place, {key: value for key, value in point.items() if key != ROLE}):
        if is_operational(key, operational):
            raise StudyError(f"{place}: {key} says how a study runs, not what; no point can have it.")
        if any(key.lstrip("+") == known.lstrip("+") for known in overrides):
            raise StudyError(f"{place} has {key} twice.")
        overrides[key] = _text(place, key, value)
    return Linked(overrides=overrides, role=role)


def _flat(place: str, mapping: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; an empty mapping is a value."""
    for name, value in mapping.items():
        if not isinstance(name, str) or name.startswith("~") or not name:
            raise StudyError(f"{place}: {name!r} must be a key to set, such as model.lr.")
        key = f"{path}.{name}" if path else name
        if isinstance(value, Mapping) and "/" in key:
            raise StudyError(f"{place}: {key} is a group, and takes the name of an option.")
        if isinstance(value, Mapping) and value:
            yield from _flat(place, value, key)
        else:
            yield key, value


def _text(place: str, key: str, value: Any) -> str:
    """The value as an override has it."""
    value = value.item() if hasattr(value, "item") else value  # a number of numpy's
    parts = value if isinstance(value, list | tuple) else [value]
    if value == "???" or not (value == {} or all(isinstance(part, _PLAIN) for part in parts)):
        raise StudyError(f"{place}: {key}={value!r} must be a number, a text, true, false, null, or a list of them.")
    try:
        text = text_of(key, value)
        value_of(key, text)
    except HydraException as error:
        raise StudyError(f"{place}: {key} cannot be read: {first_line(error)}") from None
    return text
