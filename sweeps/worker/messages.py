"""What a trial and its worker say to each other over the pipe between them.

Messages travel as JSON: a worker never unpickles what a trial has sent. Whatever arrives is checked here, once, so that
the worker may rely on it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast, get_args

from sweeps.outcome import Cause

PIPE_CLOSED = 94
"""Exit code of a trial whose task has closed the pipe: it can say nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The trial has measured something.

    Attributes:
        trial: The trial's number, as in every message.
        metrics: Metric name to value.
        step: Epoch, or whatever the trial counts.
    """

    trial: int
    metrics: Mapping[str, float]
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """The trial is not stuck.

    Attributes:
        trial: The trial's number.
        done: Part of its work that is done, 0 to 1; None where it does not say.
    """

    trial: int
    done: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The trial cannot start yet.

    Attributes:
        reason: What it waits for, and whom.
    """

    trial: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The application says which metrics are better when large (`max`) and which when small (`min`).

    Attributes:
        trial: The trial's number.
        directions: Metric name to `max` or `min`.
        means: Name of a metric to the names of those that it is a mean of.
    """

    trial: int
    directions: Mapping[str, str]
    means: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The task function has returned: a number, a list of numbers, or what cannot be a result.

    Attributes:
        worked_s: For how long the trial's process has worked, as in every last word; None where it does not know.
    """

    trial: int
    value: Any
    worked_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp:
    """The trial has stopped because its pruner said so."""

    trial: int
    worked_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The task function has raised an error."""

    trial: int
    cause: Cause
    detail: str
    worked_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """The pruner has decided that the trial should stop at its next look."""

    trial: int


LastWord = Returned | GaveUp | Raised
FromTrial = Reported | Progressed | Waiting | Declared | LastWord
ToTrial = Prune
_KINDS = {kind.__name__: kind for kind in (*get_args(FromTrial), Prune)}


def encode(message: FromTrial | ToTrial) -> bytes:
    """The message as a line of JSON. Values that are not finite keep their names, as Python's json writes them."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode()


def decode(data: bytes) -> FromTrial | ToTrial:
    """The message that `encode` wrote, its texts fit for every database.

    Raises:
        ValueError: It is no message, or holds what such a message cannot.
    """
    try:
        fields = json.loads(data)
        message = cast(FromTrial | ToTrial, _KINDS[fields.pop("kind")](**fields))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no message: {data[:80]!r}") from error
    if not isinstance(message.trial, int) or not _is_sound(message):
        raise ValueError(f"no message: {data[:80]!r}")
    match message:
        case Raised(detail=text):
            return replace(message, detail=_safe(text))
        case Waiting(reason=text):
            return replace(message, reason=_safe(text))
        case _:
            return message


def _is_sound(message: FromTrial | ToTrial) -> bool:
    """Whether the fields of a message are of their types."""
    if isinstance(message, Returned | GaveUp | Raised) and not _is_time(message.worked_s):
        return False
    match message:
        case Reported(metrics=metrics, step=step):
            return isinstance(step, int) and _holds(metrics, int | float)
        case Declared(directions=directions, means=means):
            are_names = _holds(means, list) and all(isinstance(part, str) for parts in means.values() for part in parts)
            return are_names and _holds(directions, str) and set(directions.values()) <= {"max", "min"}
        case Raised(cause=cause, detail=detail):
            return cause in get_args(Cause) and isinstance(detail, str)
        case Waiting(reason=reason):
            return isinstance(reason, str)
        case Progressed(done=done):
            return done is None or (isinstance(done, int | float) and 0 <= done <= 1)
        case Returned() | GaveUp() | Prune():
            return True


def _is_time(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and 0 <= value < math.inf)


def _holds(table: Any, kind: Any) -> bool:
    return isinstance(table, dict) and all(isinstance(value, kind) for value in table.values())


def _safe(text: str, max_chars: int = 4000) -> str:
    """Text of unknown origin that every database and terminal takes.

    PostgreSQL refuses a NUL, and no encoding takes half a surrogate pair.
    """
    return text[:max_chars].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
