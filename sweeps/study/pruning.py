"""The pruner that a study's settings name."""

import warnings
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import execution_whitelist, instantiate
from optuna.pruners import BasePruner

from sweeps.errors import StudyError, first_line


def make_pruner(spec: Any, trusted: Any) -> BasePruner:
    """Make the pruner of `study.pruner`.

    Args:
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts, as Hydra keeps them; None: all.

    Raises:
        StudyError: It is no pruner, or its constructor refuses its arguments.
    """
    try:
        with execution_whitelist(trusted), warnings.catch_warnings():
            # An application without a list of its own trusts its configuration; Hydra warns of that at each call.
            warnings.simplefilter("ignore", UserWarning)
            made = instantiate(spec)
    except (InstantiationException, TypeError, ValueError) as error:
        raise StudyError(f"study.pruner: {first_line(error.__cause__ or error)}") from error
    if not isinstance(made, BasePruner):
        raise StudyError(f"study.pruner={spec} is no pruner. Valid: a class of optuna.pruners, without _partial_.")
    return made
