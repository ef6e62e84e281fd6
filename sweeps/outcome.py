"""How a trial ended."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sweeps import redact

Cause = Literal[
    "error", "disk", "input_output", "out_of_memory", "crash", "hung", "timeout", "no_objective", "nonfinite"
]
RETRYABLE: frozenset[Cause] = frozenset({"disk", "input_output", "out_of_memory", "crash", "hung"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The task returned a finite value for each objective.

    Attributes:
        values: One per objective.
        metrics: The last value of every metric the trial recorded.
        duration_s: Wall time over all attempts.
    """

    values: tuple[float, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The pruner stopped the trial.

    Attributes:
        values: Last reported value per objective; empty when nothing was reported.
        metrics: As in `Completed`.
        duration_s: As in `Completed`.
    """

    values: tuple[float, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The trial has no result.

    Attributes:
        cause: What kind of failure.
        detail: One line that says what happened.
        log_tail: The last lines the trial printed.
        duration_s: As in `Completed`.
    """

    cause: Cause
    detail: str
    log_tail: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    duration_s: float = 0.0


Outcome = Completed | Pruned | Failed
_KINDS: dict[str, type[Completed] | type[Pruned] | type[Failed]] = {
    "completed": Completed,
    "pruned": Pruned,
    "failed": Failed,
}


def kind(outcome: Outcome) -> str:
    """`completed`, `pruned` or `failed`."""
    return type(outcome).__name__.lower()


def summary(outcome: Outcome) -> str:
    """How a trial ended, in a few words: its values, or the cause of its failure."""
    match outcome:
        case Completed(values=values):
            return f"completed with {', '.join(f'{value:.6g}' for value in values)}"
        case Pruned(values=values):
            return f"pruned at {', '.join(f'{value:.6g}' for value in values) or 'no value'}"
        case Failed(cause=cause, detail=detail):
            return f"failed, {cause}: {detail}"


def to_json(outcome: Outcome) -> str:
    """Text for the ledger."""
    return json.dumps(redact.tree({"kind": kind(outcome), **asdict(outcome)}), allow_nan=True)


def from_json(text: str) -> Outcome:
    """The outcome that `to_json` wrote."""
    fields = json.loads(text)
    made = _KINDS[fields.pop("kind")]
    if "values" in fields:
        fields["values"] = tuple(fields["values"])
    return made(**fields)


def safe_text(text: str, max_chars: int = 4000) -> str:
    """Text of unknown origin that every database and terminal takes.

    PostgreSQL refuses a NUL, and no encoding takes half a surrogate pair.
    """
    return text[:max_chars].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def judge(returned: Any, num_objectives: int, metrics: dict[str, float], duration_s: float) -> Outcome:
    """What the value returned by a task function amounts to.

    Args:
        returned: A number, or a sequence of `num_objectives` numbers.
        num_objectives: How many objectives the study has.
        metrics: The last value of every metric recorded.
        duration_s: Wall time over all attempts.

    Returns:
        Completed with finite values, or Failed: a missing or non-finite objective is never a result.
    """
    values = returned if isinstance(returned, Sequence) and not isinstance(returned, str) else [returned]
    numbers = [_number(value) for value in values]
    if len(numbers) != num_objectives or None in numbers:
        detail = f"the task returned {returned!r:.80}, expected {num_objectives} number(s)"
        return Failed(cause="no_objective", detail=detail, metrics=metrics, duration_s=duration_s)
    finite = tuple(float(number) for number in numbers if number is not None)
    if not all(map(math.isfinite, finite)):
        detail = f"the objective is not finite: {', '.join(map(str, finite))}"
        return Failed(cause="nonfinite", detail=detail, metrics=metrics, duration_s=duration_s)
    return Completed(values=finite, metrics=metrics, duration_s=duration_s)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str | bytes | bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
