"""The limits at which a study ends, whichever comes first; its workers look at them together."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from sweeps.errors import StudyError
from sweeps.output import counted
from sweeps.settings import StudySettings
from sweeps.study.will import Look, Wish

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A limit that a study has reached.

    Attributes:
        wanted: Whether running trials are handed back (`stop`) or end first (`end`).
        why: Which limit, and what was found.
    """

    wanted: Wish
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a study, as `configs/study/default.yaml` says what each means; None: there is none."""

    max_trials: int | None = None
    max_hours: float | None = None
    max_core_hours: float | None = None
    max_gpu_hours: float | None = None
    target: tuple[float, ...] = ()
    patience: int | None = None

    @classmethod
    def of(cls, settings: StudySettings, num_values: int) -> Self:
        """The limits that a command sets.

        Args:
            settings: The `study` group.
            num_values: How many values a result of the study has.

        Raises:
            StudyError: A limit cannot be, or `study.target` has not one number per value.
        """
        for name in ("max_trials", "patience"):
            _check(name, getattr(settings, name), lambda value: value >= 1, "a whole number of at least 1")
        for name in ("max_hours", "max_core_hours", "max_gpu_hours"):
            # Also refuses nan.
            _check(name, getattr(settings, name), lambda value: 0 < value < math.inf, "a finite number above 0")
        return cls(
            max_trials=settings.max_trials,
            max_hours=settings.max_hours,
            max_core_hours=settings.max_core_hours,
            max_gpu_hours=settings.max_gpu_hours,
            target=_numbers(settings.target, num_values),
            patience=settings.patience,
        )

    @classmethod
    def stored(cls, plain: Mapping[str, Any]) -> Self:
        """The limits that `as_facts` wrote."""
        return cls(**{**plain, "target": tuple(plain.get("target") or ())})

    def as_facts(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @property
    def are_of_time(self) -> bool:
        """Whether one of them is of time."""
        return any(limit is not None for limit in (self.max_hours, self.max_core_hours, self.max_gpu_hours))

    @property
    def are_of_values(self) -> bool:
        """Whether one of them looks at results."""
        return bool(self.target) or self.patience is not None

    def room(self, look: Look) -> int | None:
        """How many trials may be started before as many have ended as may; None: any number."""
        return None if self.max_trials is None else max(0, self.max_trials - look.done - look.running)

    def reached(self, look: Look) -> Reached | None:
        """The first limit of time or number that a study has reached."""
        if self.max_trials is not None and look.done >= self.max_trials:
            ended = f"{counted(look.done, 'trial')} {'has' if look.done == 1 else 'have'} ended"
            return Reached(wanted="end", why=f"study.max_trials={self.max_trials}: {ended}")
        for name, limit, used_s, what in (
            ("max_hours", self.max_hours, look.worked_s, "hours of work"),
            ("max_core_hours", self.max_core_hours, look.core_s, "core hours"),
            ("max_gpu_hours", self.max_gpu_hours, look.gpu_s, "GPU hours"),
        ):
            if limit is not None and used_s >= limit * _HOUR_S:
                return Reached(wanted="stop", why=f"study.{name}={limit:g}: {used_s / _HOUR_S:.3g} {what} are used")
        return None


def another_limit(why: str, directions: Sequence[str]) -> str:
    """What of a line is to be changed so that a study goes on that is at a limit; empty where it is at none.

    Args:
        why: Why the study ended, as `Reached` has it.
        directions: `maximize` or `minimize` per objective.
    """
    if not why.startswith("study."):
        return ""
    name = re.split("[=:]", why, maxsplit=1)[0]
    if name == "study.target":
        words = {"maximize": "a higher", "minimize": "a lower"}
        return f" with {words[directions[0]] if len(directions) == 1 else 'another'} {name}, or without one,"
    return f" without {name}" if name == "study.terminator" else " with a higher limit"


def _check(name: str, value: Any, is_valid: Callable[[Any], bool], valid: str) -> None:
    if value is not None and not is_valid(value):
        raise StudyError(f"study.{name}={value} must be {valid}.")


def _numbers(target: Any, num_values: int) -> tuple[float, ...]:
    """`study.target` as a number per value; empty where there is none."""
    if target is None:
        return ()
    listed = target if isinstance(target, Sequence) and not isinstance(target, str) else [target]
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in listed):
        raise StudyError(f"study.target={target} must be a number, or a list with one per objective.")
    if len(listed) != num_values:
        raise StudyError(
            f"study.target={target} has {counted(len(listed), 'number')} for {counted(num_values, 'objective')}."
        )
    return tuple(float(number) for number in listed)
