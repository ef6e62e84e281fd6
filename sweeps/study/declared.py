"""What an application declares of its metrics, trial by trial, put together for its study."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


def together(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Directions, of which the last one counts; names of the parts of a mean, of which all count."""
    return {**known, **{name: _united(known.get(name, ()), value) for name, value in told.items()}}


def news(
    facts: Mapping[str, Any], kept: Callable[[], Mapping[str, Any]], told: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is to be kept anew.

    Each trial declares; what this worker knows is enough to see that nothing is new.

    Args:
        facts: What this worker knows of the study.
        kept: Reads what the study has.
        told: What a trial has declared, by the names of these facts.
    """
    for key, values in told.items():
        known = facts.get(key) or {}
        if together(known, values) != known:
            yield key, together(kept().get(key) or {}, values)


def _united(known: Sequence[str], value: Any) -> Any:
    return value if isinstance(value, str) else sorted({*known, *value})
