"""How a trial ended."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sweeps import redact
from sweeps.output import counted
from sweeps.ran import Ran

Cause = Literal[
    "error", "disk", "input_output", "out_of_memory", "crash", "hung", "timeout", "no_objective", "nonfinite"
]
RETRYABLE: frozenset[Cause] = frozenset({"disk", "input_output", "out_of_memory", "crash", "hung"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The task returned a finite value for each objective, or there is no objective.

    Attributes:
        values: One per objective; empty where the study asks for none.
        metrics: The value of every metric the trial recorded, at the step that it has selected, else the last one.
        duration_s: Wall time over all attempts.
        returned: Names of the metrics that the task has returned; empty where it gives values without a name.
        ran: What has run the trial; it says nothing of how it ended, so equality leaves it out.
    """

    values: tuple[float, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    duration_s: float = 0.0
    returned: tuple[str, ...] = ()
    ran: Ran = field(default=Ran(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The pruner stopped the trial.

    Attributes:
        values: Last reported value per objective; empty when nothing was reported.
        metrics: As in `Completed`.
        duration_s: As in `Completed`.
        why: Why it was not run at all; empty where the pruner stopped it on its way.
        ran: As in `Completed`.
    """

    values: tuple[float, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    duration_s: float = 0.0
    why: str = ""
    ran: Ran = field(default=Ran(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The trial has no result.

    Attributes:
        cause: What kind of failure.
        detail: One line that says what happened.
        log_tail: The last lines the trial printed.
        duration_s: As in `Completed`.
        ran: As in `Completed`.
    """

    cause: Cause
    detail: str
    log_tail: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    duration_s: float = 0.0
    ran: Ran = field(default=Ran(), compare=False)


Outcome = Completed | Pruned | Failed
_KINDS: dict[str, type[Completed] | type[Pruned] | type[Failed]] = {
    "completed": Completed,
    "pruned": Pruned,
    "failed": Failed,
}
_TUPLES = ("values", "returned")


def kind(outcome: Outcome) -> str:
    """`completed`, `pruned` or `failed`."""
    return type(outcome).__name__.lower()


def was_run(outcome: Outcome) -> bool:
    """Whether there was a process of the trial, which has left something."""
    return not (isinstance(outcome, Pruned) and outcome.why)


def summary(outcome: Outcome) -> str:
    """How a trial ended, in a few words: its values, or the cause of its failure."""
    match outcome:
        case Completed(values=values):
            return f"completed with {', '.join(f'{value:.6g}' for value in values) or 'no value'}"
        case Pruned(why=why) if why:
            return f"not run: {why}"
        case Pruned(values=values):
            return f"pruned at {', '.join(f'{value:.6g}' for value in values) or 'no value'}"
        case Failed(cause=cause, detail=detail):
            return f"failed, {cause}: {detail}"


def to_json(outcome: Outcome) -> str:
    """Text for the ledger."""
    return json.dumps(redact.tree({"kind": kind(outcome), **asdict(outcome)}), allow_nan=True)


def from_json(text: str) -> Outcome:
    """The outcome that `to_json` wrote, maybe of a later version that says more of it."""
    told = json.loads(text)
    made = _KINDS[told["kind"]]
    fields: dict[str, Any] = {key: value for key, value in told.items() if key in made.__dataclass_fields__}
    fields |= {key: tuple(fields[key]) for key in _TUPLES if key in fields}
    return made(**fields | {"ran": Ran.of(fields.get("ran", {}))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a study wants of a task.

    Attributes:
        names: Its objectives; empty where the values have no name.
        num_values: How many values a result has.
        is_searched: Whether a sampler needs them.
    """

    names: tuple[str, ...] = ()
    num_values: int = 1
    is_searched: bool = False


def judge(
    returned: Any, goal: Goal, reported: Mapping[str, float], metrics: dict[str, float], duration_s: float
) -> Outcome:
    """What the value returned by a task function amounts to.

    Args:
        returned: Nothing, a number, a sequence of numbers, or a mapping of names to values.
        goal: What the study wants.
        reported: The value of every metric reported, also one that is not finite.
        metrics: The finite value of every metric recorded.
        duration_s: Wall time over all attempts.

    Returns:
        Completed with finite values; in a grid without an objective, or where an empty mapping says that there is
        none, Completed without values; several numbers are then metrics, by the names of objectives. Else Failed: a
        missing or non-finite objective is never a result.
    """
    values = _values(returned, goal, reported)
    if values == () and (numbers := _undirected(returned)):
        returned = dict(zip(names_of_values((), len(numbers)), numbers, strict=True))
    if isinstance(values, str):
        return Failed(cause="no_objective", detail=values, metrics=metrics, duration_s=duration_s)
    if not all(map(math.isfinite, values)):
        detail = f"the objective is not finite: {', '.join(map(str, values))}"
        return Failed(cause="nonfinite", detail=detail, metrics=metrics, duration_s=duration_s)
    named = {redact.text(name): number for name, number in named_numbers(returned).items()}
    metrics = metrics | {name: number for name, number in named.items() if math.isfinite(number)}
    return Completed(values=values, metrics=metrics, duration_s=duration_s, returned=tuple(named))


def names_of_values(objectives: tuple[str, ...], num_values: int) -> tuple[str, ...]:
    """What the values of a result are called: by the objectives, else `objective`, or `objective_0`, ... of several."""
    if objectives:
        return objectives
    return ("objective",) if num_values == 1 else tuple(f"objective_{i}" for i in range(num_values))


def named_numbers(returned: Any, prefix: str = "") -> dict[str, float]:
    """The numbers of a mapping by their names; below a nested mapping the names are joined by a slash."""
    found: dict[str, float] = {}
    for name, value in returned.items() if isinstance(returned, Mapping) else ():
        if isinstance(value, Mapping):
            found |= named_numbers(value, f"{prefix}{name}/")
        elif (number := _number(value)) is not None:
            found[f"{prefix}{name}"] = number
    return found


def _values(returned: Any, goal: Goal, reported: Mapping[str, float]) -> tuple[float, ...] | str:
    """The values of a result, or why there is none."""
    is_free = not goal.is_searched and (not goal.names or returned == {})
    if returned is None or isinstance(returned, Mapping):
        known = {**reported, **named_numbers(returned)}
        missing = next((name for name in goal.names if name not in known), None)
        if goal.names and missing is None:
            return tuple(known[name] for name in goal.names)
        return () if is_free else _complaint(returned, missing, known)
    numbers = [_number(value) for value in _listed(returned)]
    is_free &= goal.num_values == 1  # who names several directions wants as many numbers
    if len(numbers) == goal.num_values and None not in numbers:
        return tuple(number for number in numbers if number is not None)
    return () if is_free else _miscounted(returned, numbers, goal, reported)


def _undirected(returned: Any) -> list[float]:
    """The numbers of a result that has several, of which nothing says what is better; else none."""
    numbers = [_number(value) for value in _listed(returned)]
    found = [number for number in numbers if number is not None]
    return found if len(found) == len(numbers) > 1 else []


def _complaint(returned: Any, missing: str | None, known: Mapping[str, float]) -> str:
    """Why there is no value where the task has returned none, or names."""
    what = "None" if returned is None else f"no {missing}" if missing else "names"
    if missing is None:
        return f"the task returned {what}, and a sampler needs numbers. Return them, or set study.objective" + (
            f" to one of {', '.join(known)}." if known else " to a name that the task reports."
        )
    return f"the task returned {what} and reported no {missing} (study.objective). Known: {', '.join(known) or 'none'}."


def _miscounted(returned: Any, numbers: Sequence[float | None], goal: Goal, known: Mapping[str, float]) -> str:
    """Why a returned text or list is not as many numbers as the study wants."""
    told = f"the task returned {returned!r:.80}, expected {counted(goal.num_values, 'number')}"
    if len(numbers) > 1 and None not in numbers:
        return f"{told}. study.direction has one direction per number: [minimize,maximize] for two."
    if goal.names:
        return told
    names = f"one of {', '.join(known)}" if known else "a name that the task reports"
    return f"{told}. Return it, or set study.objective to {names}."


def _listed(returned: Any) -> Sequence[Any]:
    return returned if isinstance(returned, Sequence) and not isinstance(returned, str) else [returned]


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str | bytes | bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
