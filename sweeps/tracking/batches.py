"""Sends entries in batches, and finds those in a batch that the server does not take."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sweeps.tracking.complaints import reason, refuses_entry

Refused = tuple[str, str]
"""What a server does not take, such as `metric loss`, and why."""

_MOST, _MOST_TEXTS = 1000, 100
"""Entries of one request: in all, and params or tags."""


class Entries(NamedTuple):
    """MLflow's metrics, params and tags of one run."""

    metrics: Sequence[Any] = ()
    params: Sequence[Any] = ()
    tags: Sequence[Any] = ()

    def __bool__(self) -> bool:
        return bool(self.metrics or self.params or self.tags)


def offered(entries: Entries, log: Callable[..., object]) -> Iterator[Refused]:
    """Log everything, in as few requests as the server allows; tags are sent last.

    Args:
        entries: What is to be logged.
        log: Logs the `metrics`, `params` and `tags` that it is given.

    Yields:
        What the server does not take, entry by entry.
    """
    early, last = _cut(entries)
    yield from _each_kind(early, log)
    if not last:
        return
    try:
        log(metrics=last.metrics, params=last.params, tags=last.tags)
    except Exception as error:
        if not refuses_entry(error):
            raise
        yield from _each_kind(last, log)


def _cut(entries: Entries) -> tuple[Entries, Entries]:
    """What one last request has room for, and what goes before."""
    num_params, num_tags = (max(0, len(some) - _MOST_TEXTS) for some in (entries.params, entries.tags))
    params, tags = entries.params[num_params:], entries.tags[num_tags:]
    room = _MOST - len(params) - len(tags)
    num_metrics = max(0, len(entries.metrics) - room)
    early = Entries(entries.metrics[:num_metrics], entries.params[:num_params], entries.tags[:num_tags])
    return early, Entries(entries.metrics[num_metrics:], params, tags)


def _each_kind(entries: Entries, log: Callable[..., object]) -> Iterator[Refused]:
    yield from _halved(entries.metrics, _MOST, "metric", lambda some: log(metrics=some))
    yield from _halved(entries.params, _MOST_TEXTS, "param", lambda some: log(params=some))
    yield from _halved(entries.tags, _MOST_TEXTS, "tag", lambda some: log(tags=some))


def _halved(entries: Sequence[Any], batch: int, kind: str, log: Callable[[Sequence[Any]], object]) -> Iterator[Refused]:
    """Log entries of one kind; where the server refuses a batch, halve it until the refused ones are found."""
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
                yield from _halved(some, (len(some) + 1) // 2, kind, log)
