"""Steps of samples on a tracking server: a metric with one value stands at step 0, which its pages draw as a bar."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sweeps.trial.curves import Sample

_ALONE_MS = 60_000
"""A trial that has gone on this long behind a first value has a curve, of which more is to come."""


class Steps:
    """Lets samples through in their order, but keeps the first one of a metric until it is known to be no only one.

    What it gives in the end depends on the samples alone, not on how they were cut into calls.

    Args:
        state: Of an earlier one, to go on from there.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._curves = set(state.get("curves", ()))
        self._alone = {name: Sample(*sample) for name, sample in dict(state.get("alone", {})).items()}

    def passed(self, samples: Iterable[Sample], now_ms: int) -> list[Sample]:
        """The samples that may be sent.

        Args:
            samples: The next ones.
            now_ms: Time of the trial's last record, in milliseconds since the epoch.
        """
        return [*self._of_curves(samples), *self._released(now_ms)]

    def rest(self) -> list[Sample]:
        """The only values of their metrics, at step 0; nothing is kept any more."""
        alone = [sample._replace(step=0) for sample in self._alone.values()]
        self._alone.clear()
        return alone

    def state(self) -> dict[str, Any]:
        """What goes on from here, as plain values."""
        return {"curves": sorted(self._curves), "alone": {name: list(sample) for name, sample in self._alone.items()}}

    def _of_curves(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            if sample.name in self._curves:
                yield sample
            elif (first := self._alone.pop(sample.name, None)) is not None:
                self._curves.add(sample.name)
                yield from (first, sample)
            else:
                self._alone[sample.name] = sample

    def _released(self, now_ms: int) -> list[Sample]:
        old = [sample for sample in self._alone.values() if now_ms - sample.time_ms > _ALONE_MS]
        for sample in old:
            del self._alone[sample.name]
            self._curves.add(sample.name)
        return old


def settled(samples: Iterable[Sample], now_ms: int) -> list[Sample]:
    """All samples of a trial that has ended, with the steps that a server has of them."""
    steps = Steps()
    return [*steps.passed(samples, now_ms), *steps.rest()]
