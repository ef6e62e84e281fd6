"""Builds what a study's settings name by `_target_`; a worker may have these settings from the database."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hydra.errors import InstantiationException

from sweeps.choices import resolved
from sweeps.errors import StudyError
from sweeps.fusion import Fusion
from sweeps.versions import build_trusted, why_not_built

Built = TypeVar("Built")

_COUNTS = re.compile(r"n_\w+|\w*_(?:steps|resource|trials|rate|size)|patience")
"""Arguments of Optuna's classes that are numbers of something; it itself accepts negative ones in part."""


def build(key: str, spec: Any, trusted: Any, kind: type[Built], optunas: Sequence[str]) -> Built:
    """Build one of Optuna's classes, or of those that the application trusts.

    Args:
        key: Its key in the settings, which is what it is.
        spec: `_target_` and arguments, or a name.
        trusted: Constructors that the application trusts, as Hydra keeps them. None: it has no list, and trusts what is
            typed, but not what a worker has from the database.
        kind: What it has to be, or several kinds.
        optunas: Names of Optuna's own.

    Raises:
        StudyError: It is none, it is not trusted, or its constructor refuses its arguments.
    """
    node = resolved(key, spec)
    _check_numbers(f"study.{key}", node)
    try:
        made = build_trusted(node, trusted, optunas)
    except (InstantiationException, TypeError, ValueError) as error:
        raise StudyError(f"study.{key}: {why_not_built(error, trusted, optunas)}") from error
    if not isinstance(made, kind):
        home = optunas[0].rpartition(".")[0]
        raise StudyError(f"study.{key}={spec} is no {key}. Valid: a class of {home}, without _partial_.")
    return made


def fusion_of(spec: Any, trusted: Any) -> Fusion:
    """What an application says of trials that may share a process.

    Args:
        spec: What `study.fusion` says.
        trusted: As in `build`.

    Raises:
        StudyError: It is none, it is not trusted, or its constructor refuses its arguments.
    """
    try:
        made = build_trusted(spec, trusted, ())
    except (InstantiationException, TypeError, ValueError) as error:
        raise StudyError(f"study.fusion: {why_not_built(error, trusted)}") from error
    if not isinstance(made, Fusion):
        raise StudyError(f"study.fusion={spec} has not what a fusion needs: differing, apart, capacity, join.")
    return made


def _check_numbers(place: str, node: Any) -> None:
    """Refuse a negative number of something, also of what an argument is built of.

    Raises:
        StudyError: With the argument.
    """
    if not isinstance(node, Mapping):
        return
    is_optunas = str(node.get("_target_")).startswith(("optuna.", "sweeps."))  # another class may count otherwise
    for key, value in node.items():
        _check_numbers(f"{place}.{key}", value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_optunas and is_number and value < 0 and _COUNTS.fullmatch(str(key)):
            raise StudyError(f"{place}.{key}={value} must be a number of at least 0.")
