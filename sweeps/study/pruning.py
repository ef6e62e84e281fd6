"""Makes the pruner that a study's settings name."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.pruners import BasePruner

from sweeps.errors import StudyError
from sweeps.study.built import build

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
    """Make the pruner of `study.pruner`, as `build` says.

    Args:
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts.

    Raises:
        StudyError: It cannot be.
    """
    return build("pruner", spec, trusted, BasePruner, _OPTUNAS)  # type: ignore[type-abstract]
