"""Sends entries in batches, and finds those in a batch that the server does not take."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sweeps.tracking.complaints import reason, refuses_entry

Refused = tuple[str, str]
"""What a server does not take, such as `metric loss`, and why."""


def offered(entries: Sequence[Any], batch: int, kind: str, log: Callable[[Sequence[Any]], object]) -> Iterator[Refused]:
    """Log everything; where the server refuses a batch, halve it until the entries are found that it does not take."""
    for start in range(0, len(entries), batch):
        some = entries[start : start + batch]
        try:
            log(some)
        except Exception as error:
            if not refuses_entry(error):
                raise
            if len(some) == 1:
                yield f"{kind} {some[0].key}", reason(error)
            else:
                yield from offered(some, (len(some) + 1) // 2, kind, log)
