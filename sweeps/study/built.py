"""Builds what a study's settings name by `_target_`; a worker may have these settings from the database."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from hydra.errors import InstantiationException

from sweeps.errors import StudyError
from sweeps.versions import build_trusted, why_not_built

Built = TypeVar("Built")

_ALIASES = {"asha": "successivehalving"}
"""What others call a class of Optuna's."""


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
    if isinstance(spec, str):
        raise StudyError(_spelling(key, spec, optunas))
    try:
        made = build_trusted(spec, trusted, optunas)
    except (InstantiationException, TypeError, ValueError) as error:
        raise StudyError(f"study.{key}: {why_not_built(error)}") from error
    if not isinstance(made, kind):
        raise StudyError(f"study.{key}={spec} is no {key}. Valid: a class of optuna.{key}s, without _partial_.")
    return made


def _spelling(key: str, word: str, optunas: Sequence[str]) -> str:
    """How one of Optuna's classes is named here, where a single word stands for it."""
    short = {_short(name, key): name for name in optunas} | {
        _short(name.rpartition(".")[2], ""): name for name in optunas
    }
    near = get_close_matches(_ALIASES.get(word.lower(), word).lower(), short, n=1, cutoff=0.6)
    named = f"study.{key}={word} is a word, and a class is needed."
    if near:
        return f"{named} Did you mean 'study.{key}={{_target_: {short[near[0]]}}}'?"
    known = ", ".join(name.rpartition(".")[2] for name in optunas if not name.rpartition(".")[2].startswith("Base"))
    return f"{named} Write 'study.{key}={{_target_: optuna.{key}s.NAME}}'. Known: {known}."


def _short(name: str, key: str) -> str:
    """`median` of `optuna.pruners.MedianPruner`."""
    return name.rpartition(".")[2].lower().removesuffix(key)
