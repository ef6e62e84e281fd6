"""A warm start: points that are drawn first, and another study that the sampler learns from."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from optuna.distributions import BaseDistribution

from sweeps.errors import StudyError, did_you_mean, first_line
from sweeps.study.axes import place_in
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.values import text_of


def first_points(
    asked: Any, distributions: Mapping[str, BaseDistribution], typed: Mapping[str, str]
) -> tuple[dict[str, Any], ...]:
    """The points of `study.first`, as the sampler has their values.

    Args:
        asked: A list of mappings of keys to values.
        distributions: What there is to draw from, by key.
        typed: The same as it was typed.

    Raises:
        StudyError: One of them is no point of the space.
    """
    if not isinstance(asked or [], list) or not all(isinstance(point, Mapping) for point in asked or ()):
        raise StudyError(f"study.first={asked} must be a list of mappings of keys to values.")
    return tuple(_first(f"study.first[{i}]", point, distributions, typed) for i, point in enumerate(asked or ()))


def _first(
    what: str, point: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], typed: Mapping[str, str]
) -> dict[str, Any]:
    spelled = {key.lstrip("+"): key for key in distributions}
    found = {}
    for name, value in point.items():
        key = spelled.get(str(name).lstrip("+"))
        if key is None:
            raise StudyError(f"{what} has {name}, which is not drawn. Drawn here: {did_you_mean(str(name), spelled)}")
        try:
            found[key] = place_in(distributions[key], key, text_of(key, value))
        except HydraException as error:
            raise StudyError(f"{what}: {name}={value!r} cannot be read: {first_line(error)}") from None
        if found[key] is None:
            raise StudyError(f"{what}: {name}={value} lies outside of what is drawn: {typed.get(key, key)}.")
    return found


def learned_from(database: Database, other: str, wanted: Sequence[tuple[str, str]]) -> Sequence[Any]:
    """Ended rows of another study of the same storage.

    Args:
        database: The storage.
        other: Name of the other study.
        wanted: Name and direction of each objective of the study that learns.

    Raises:
        StudyError: There is none, or it wants something else.
    """
    found = Study(database, other)
    theirs = list(zip(found.value_names, found.directions, strict=True))
    if theirs != list(wanted):
        raise StudyError(f"study.like={other} optimises {_told(theirs)}, and this study {_told(wanted)}.")
    return found.ended_rows()


def check_like(database: Database | None, name: str, other: str, wanted: Sequence[tuple[str, str]]) -> None:
    """Refuse a study that nothing can be learned from, before there is one that would.

    Args:
        database: The storage; None where there is none yet.
        name: The study that is to learn.
        other: The other study.
        wanted: As in `learned_from`.

    Raises:
        StudyError: There is none, it is the same, or it wants something else.
    """
    if other == name:
        raise StudyError(f"study.like={other} is this study itself, whose results its sampler knows anyway.")
    if database is None:
        raise StudyError(f"study.like={other}: this storage has no study yet.")
    learned_from(database, other, wanted)


def _told(objectives: Sequence[tuple[str, str]]) -> str:
    return " and ".join(f"{name} ({way})" for name, way in objectives)
