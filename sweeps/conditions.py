"""Reads `study.when` and `study.constraints`: which combinations of a sweep are points."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra.errors import HydraException

from sweeps.errors import StudyError, did_you_mean, first_line
from sweeps.rules import Condition, Rules, names_in
from sweeps.settings import StudySettings
from sweeps.space import Space, is_key
from sweeps.values import text_of, typed, value_of
from sweeps.versions import build_trusted, targets, why_not_built


def with_rules(space: Space, settings: StudySettings, trusted: Any = None) -> Space:
    """The space with the rules of the settings.

    Args:
        space: A parsed command line.
        settings: The `study` group.
        trusted: Constructors that the application trusts, as Hydra keeps them; None: it has no list.

    Raises:
        StudyError: A rule names a key or a value that the sweep does not have, or cannot be read.
    """
    if not settings.when and not settings.constraints:
        return space
    constraints = settings.constraints if isinstance(settings.constraints, list) else [settings.constraints or []]
    conditions = [_condition(i, one, space, settings, trusted) for i, one in enumerate(constraints) if one]
    ruled = replace(space, rules=Rules(when=_when(settings.when or {}, space), constraints=tuple(conditions)))
    _check_circles(ruled.rules)
    if ruled.is_finite and next(ruled.grid(), None) is None:
        raise StudyError(f"study.constraints: none of {ruled.num_points} points obeys them.")
    return ruled


def _when(asked: Any, space: Space) -> dict[str, dict[str, tuple[str, ...]]]:
    """Key to the keys that it depends on, with the values that make it count."""
    if not isinstance(asked, Mapping) or not all(isinstance(needs, Mapping) for needs in asked.values()):
        raise StudyError(f"study.when={asked} must be a mapping of a key to the values of others that it needs.")
    return {
        _known(f"study.when.{key}", key, space.varied): {
            _known(f"study.when.{key}", other, [*space.varied, *space.fixed]): _values(key, other, values, space)
            for other, values in needs.items()
        }
        for key, needs in asked.items()
    }


def _values(key: str, other: str, asked: Any, space: Space) -> tuple[str, ...]:
    """The values as JSON; each has to be one that the other key can have."""
    listed = asked if isinstance(asked, list) else [asked]
    spelled = next(name for name in (*space.varied, *space.fixed) if name.lstrip("+") == other.lstrip("+"))
    axis = next((axis for axis in space.axes if axis.key == spelled), None)
    texts = axis.values if axis else (space.fixed[spelled],) if spelled in space.fixed else ()
    known = {typed(value_of(spelled, text)): text for text in texts}
    found = []
    for value in listed:
        try:
            found.append(typed(value_of(spelled, text_of(spelled, value))))
        except HydraException as error:
            raise StudyError(f"study.when.{key}.{other}={value!r} cannot be read: {first_line(error)}") from None
        if axis is not None and axis.is_finite and found[-1] not in known:
            near = did_you_mean(str(value), known.values())
            raise StudyError(f"study.when.{key}.{other}={value} is no value of {axis.text}. Known: {near}")
    return tuple(found)


def _condition(place: int, asked: Any, space: Space, settings: StudySettings, trusted: Any) -> Condition:
    what = f"study.constraints[{place}]"
    if isinstance(asked, Mapping):
        try:
            made = build_trusted(dict(asked), trusted, list(targets(asked)) if trusted is None else ())
        except (HydraException, TypeError, ValueError) as error:
            raise StudyError(f"{what}: {why_not_built(error, trusted)}") from error
        if not callable(made):
            raise StudyError(f"{what}={asked} gives {made!r}, which is no function of a point.")
        return made  # type: ignore[no-any-return]
    try:
        for name in names_in(str(asked)):
            if space.seeds is not None and is_key(space.seeds.key, name.lstrip("+")):
                raise StudyError(
                    f"{what} names {name}, and a search trains each point with all seeds ({space.seeds.text}). Leave"
                    f" {name} out; with a grid a condition may name it."
                )
            _known(what, name, [*space.varied, *space.fixed], settings.seed_key)
    except ValueError as error:
        raise StudyError(f"{what}: {error}") from None
    return str(asked)


def _known(what: str, key: str, keys: Sequence[str], seed_key: str = "") -> str:
    """The key as it was typed.

    Raises:
        StudyError: It is none of these.
    """
    spelled = {one.lstrip("+"): one for one in keys}
    if key.lstrip("+") not in spelled:
        if seed_key and is_key(key, seed_key):
            raise StudyError(
                f"{what} names {key}, and the line has one seed for all points. {key}=0,1,2 or study.replicates=3 gives"
                " each point several; or leave the condition out."
            )
        near = did_you_mean(key, list(spelled))
        raise StudyError(f"{what} names {key}, which the line neither sweeps nor sets. Known here: {near}")
    return spelled[key.lstrip("+")]


def _check_circles(rules: Rules) -> None:
    for key in rules.when:
        reached, waiting = set[str](), [key]
        while waiting:
            new = [other for other in rules.when.get(waiting.pop(), ()) if other not in reached]
            reached.update(new)
            waiting += new
        if key in reached:
            raise StudyError(f"study.when.{key} depends on itself: {', '.join(sorted(reached))}.")
