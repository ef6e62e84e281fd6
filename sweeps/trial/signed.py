"""Which code, libraries, device and data made an outcome, by what the trial's attempts wrote into its journal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweeps.outcome import Outcome
from sweeps.ran import Files, Ran, agree
from sweeps.trial import journal
from sweeps.values import digest

_CHARS, _LONGEST_NAME = 8, 100


def signed(outcome: Outcome, path: Path) -> tuple[Outcome, dict[str, Files]]:
    """An outcome with what has run its trial, and the files of its code by the digests that it has for them.

    Args:
        outcome: How the trial ended.
        path: Its journal, which a task may have spoilt.
    """
    attempts = journal.events(path, "attempt")
    if not attempts:
        return outcome, {}
    last, devices = attempts[-1], [event.get("device") for event in journal.events(path, "device")]
    circumstances = digest([last.get("versions"), last.get("device"), *devices[-1:]])[:_CHARS]
    data = dict(_named(event) for event in journal.events(path, "dataset"))
    code = {digest(files): files for files in _merged(_of_attempts(journal.read(path)[0]))}
    return replace(outcome, ran=Ran(code=tuple(code), circumstances=circumstances, data=data)), code


def _of_attempts(records: Iterable[Mapping[str, Any]]) -> Iterator[Files]:
    """The files of each attempt; none of one that an earlier version has run."""
    found: dict[str, str] | None = None
    for record in records:
        if record.get("event") == "attempt":
            if found is not None:
                yield found
            found = {}
        elif record.get("event") == "code" and found is not None and isinstance(record.get("files"), dict):
            found |= {str(name): str(told) for name, told in record["files"].items()}
    if found is not None:
        yield found


def _merged(each: Iterable[Files]) -> list[Files]:
    """Attempts of the same code as one; nothing where the code of any is not known."""
    merged: list[Files] = []
    for files in each:
        if not files:
            return []
        if merged and agree(merged[-1], files):
            merged[-1] = {**merged[-1], **files}
        else:
            merged.append(files)
    return merged


def _named(event: Mapping[str, Any]) -> tuple[str, str]:
    """Name of a data set and the beginning of its digest; the digest that was told last counts."""
    return str(event.get("name"))[:_LONGEST_NAME], str(event.get("digest"))[:_CHARS]
