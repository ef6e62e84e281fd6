"""Makes the pruner that a study's settings name; a worker may have these settings from the database."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from optuna.pruners import BasePruner

from sweeps.errors import StudyError, first_line
from sweeps.versions import instantiate_only

_OPTUNAS = [f"optuna.pruners.{name}" for name in optuna.pruners.__all__]


def check_objectives(names: Sequence[str], num_objectives: int) -> None:
    """Refuse a pruner beside several objectives: Optuna's compare one number of a trial with that of others.

    Raises:
        StudyError: There is more than one objective.
    """
    if num_objectives > 1:
        found = f"study.objective=[{','.join(names)}] has" if names else "study.direction has"
        raise StudyError(f"study.pruner works with one objective; {found} {num_objectives}. Leave study.pruner out.")


def make_pruner(spec: Any, trusted: Any) -> BasePruner:
    """Make the pruner of `study.pruner`: one of Optuna's, or of those that the application trusts.

    Args:
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts, as Hydra keeps them. None: it has no list, and trusts what is
            typed, but not what a worker has from the database.

    Raises:
        StudyError: It is no pruner, it is not trusted, or its constructor refuses its arguments.
    """
    try:
        with warnings.catch_warnings():
            # Hydra warns where an application has no list, and Optuna of an experimental pruner, which was asked for.
            warnings.simplefilter("ignore")
            made = _made(spec, trusted)
    except (InstantiationException, TypeError, ValueError) as error:
        told = first_line(error.__cause__ or error).partition(" Pass _execution_whitelist_")[0]
        raise StudyError(f"study.pruner: {told}") from error
    if not isinstance(made, BasePruner):
        raise StudyError(f"study.pruner={spec} is no pruner. Valid: a class of optuna.pruners, without _partial_.")
    return made


def _made(spec: Any, trusted: Any) -> Any:
    if trusted is None and not os.environ.get("SWEEPS_STORED_COMMAND"):
        return instantiate(spec)
    return instantiate_only(spec, trusted or [], _OPTUNAS)
