"""Which code, libraries and device have run a trial, by what its attempts wrote into its journal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from sweeps.outcome import Outcome
from sweeps.trial import journal
from sweeps.values import digest

_CHARS = 8


def signed(outcome: Outcome, path: Path) -> Outcome:
    """An outcome with what has run its trial.

    Args:
        outcome: How the trial ended.
        path: Its journal, which a task may have spoilt.
    """
    attempts = journal.events(path, "attempt")
    if not attempts:
        return outcome
    last, devices = attempts[-1], [event.get("device") for event in journal.events(path, "device")]
    circumstances = digest([last.get("versions"), last.get("device"), *devices[-1:]])[:_CHARS]
    return replace(outcome, code=codes_of(attempts), circumstances=circumstances)


def codes_of(attempts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Digests of the code of these attempts, each change once; empty where one of them is not known."""
    found = [_code(attempt.get("origin")) for attempt in attempts]
    return tuple(code for code, _ in groupby(found)) if all(found) else ()


def _code(origin: Any) -> str:
    return str(origin.get("code") or "") if isinstance(origin, Mapping) else ""
