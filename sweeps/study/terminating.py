"""Makes Optuna's terminator that a study's settings name, and asks it."""

import warnings
from collections.abc import Callable
from typing import Any

import optuna

from sweeps.errors import StudyError
from sweeps.study.built import build
from sweeps.study.study import Study


def make_terminator(spec: Any, trusted: Any, num_objectives: int) -> Any:
    """Make the terminator of `study.terminator`, as `build` says.

    Args:
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts.
        num_objectives: Objectives of the study.

    Raises:
        StudyError: It cannot be; or there are several objectives.
    """
    from optuna import terminator

    if num_objectives > 1:
        raise StudyError(f"study.terminator works with one objective; there are {num_objectives}. Leave it out.")
    if not isinstance(spec, dict) or "." not in str(spec.get("_target_")):
        how = "Write 'study.terminator={_target_: optuna.terminator.Terminator}'."
        raise StudyError(f"study.terminator={spec} names no class, and a class is needed. {how}")
    optunas = [
        f"optuna.terminator.{name}" for name in terminator.__all__ if isinstance(getattr(terminator, name), type)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return build("terminator", spec, trusted, terminator.BaseTerminator, optunas)  # type: ignore[type-abstract]


def terminator_of(study: Study, spec: Any, trusted: Any) -> Callable[[], bool]:
    """What asks the terminator whether more trials would help; it sees the trials as Optuna keeps them.

    Args:
        study: The study.
        spec: `_target_` and arguments.
        trusted: Constructors that the application trusts.
    """
    made = make_terminator(spec, trusted, len(study.directions))

    def is_over() -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return bool(study.asked(made.should_terminate))

    return is_over
