"""Builds what a study's settings name by `_target_`; a worker may have these settings from the database."""

import os
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from sweeps.errors import StudyError, first_line
from sweeps.versions import instantiate_only

Built = TypeVar("Built")


def build(key: str, spec: Any, trusted: Any, kind: type[Built], optunas: Sequence[str]) -> Built:
    """Build one of Optuna's classes, or of those that the application trusts.

    Args:
        key: Its key in the settings, which is what it is.
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts, as Hydra keeps them. None: it has no list, and trusts what is
            typed, but not what a worker has from the database.
        kind: What it has to be.
        optunas: Names of Optuna's own.

    Raises:
        StudyError: It is none, it is not trusted, or its constructor refuses its arguments.
    """
    try:
        with warnings.catch_warnings():
            # Hydra warns where an application has no list, and Optuna of what is experimental, which was asked for.
            warnings.simplefilter("ignore")
            made = _made(spec, trusted, optunas)
    except (InstantiationException, TypeError, ValueError) as error:
        told = first_line(error.__cause__ or error).partition(" Pass _execution_whitelist_")[0]
        raise StudyError(f"study.{key}: {told}") from error
    if not isinstance(made, kind):
        raise StudyError(f"study.{key}={spec} is no {key}. Valid: a class of optuna.{key}s, without _partial_.")
    return made


def _made(spec: Any, trusted: Any, optunas: Sequence[str]) -> Any:
    if trusted is None and not os.environ.get("SWEEPS_STORED_COMMAND"):
        return instantiate(spec)
    return instantiate_only(spec, trusted or [], optunas)
