"""The samples of a journal that count: where an attempt has started again, those of the earlier one do not."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

STARTS_AGAIN = "starts_again"
"""Event: this attempt begins where the trial began; every sample of earlier attempts is replaced."""
REPEATS = "repeats"
"""Event: this attempt begins where the trial began, so far with equal values."""
REWOUND = "rewound"
"""Event: from `step` on, this attempt gives the metrics in `names` other values than earlier ones."""

SELECTED = "selected"
"""Event: the metrics at `step` are those of the trial."""
_COUNTERS = ("epoch",)
"""Say how far a trial has come, not how good it is: their last value counts, whatever is selected."""


class Sample(NamedTuple):
    """One recorded value of a metric: name, value, step and the time of recording in milliseconds since the epoch."""

    name: str
    value: float
    step: int
    time_ms: int


class Past:
    """What a journal holds when it is opened.

    Args:
        records: Its records so far.

    Attributes:
        last_steps: Metric name to the last step that counts.
    """

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        starts = [i for i, record in enumerate(records) if record.get("event") == "attempt"]
        now = starts[-1] if starts else 0
        self._attempt, self._is_told = len(starts), False
        own = (sample for record in records[now:] for sample in samples_of(record))
        self._own = {sample.name: (sample.step, sample.value) for sample in own}  # the last of each metric
        is_anew = any(record.get("event") == STARTS_AGAIN for record in records[now:])
        earlier = () if is_anew else curve(records[:now])
        self._earlier: dict[tuple[str, int], float] = {(s.name, s.step): s.value for s in earlier}
        self.last_steps: dict[str, int] = {}
        for sample in curve(records):
            self.last_steps[sample.name] = max(sample.step, self.last_steps.get(sample.name, -1))

    def replaced_by(self, numbers: Mapping[str, float], step: int) -> list[dict[str, Any]]:
        """The event that says which samples of earlier attempts these values replace; none where they continue them."""
        others = [name for name, value in numbers.items() if self._is_other(name, value, step)]
        events: list[dict[str, Any]] = []
        if any(self._began(name, step) for name in others):
            events.append({"event": STARTS_AGAIN, "attempt": self._attempt, "step": step})
            self._earlier.clear()
            self.last_steps = {name: last for name, last in self.last_steps.items() if name in self._own}
        elif others:
            events.append({"event": REWOUND, "attempt": self._attempt, "step": step, "names": others})
            self.last_steps.update(dict.fromkeys(others, step - 1))
        elif not self._is_told and any(self._began(name, step) for name in numbers if name not in self._own):
            events.append({"event": REPEATS, "attempt": self._attempt, "step": step})
        self._is_told |= bool(events)
        self._own.update({name: (step, v) for name, v in numbers.items() if step > self.last_steps.get(name, -1)})
        return events

    def behind(self, numbers: Mapping[str, float], step: int) -> dict[str, int]:
        """Names of values that come too late: this attempt has passed the step, or has another value there.

        Returns:
            Name to the last step that this attempt has of it.
        """
        last = {name: self._own[name] for name in numbers if name in self._own}
        return {
            name: known
            for name, (known, value) in last.items()
            if step < known or (step == known and not _is_same(value, numbers[name]))
        }

    def _is_other(self, name: str, value: float, step: int) -> bool:
        """Whether an earlier attempt got past this step, and this one has another value there."""
        if name in self._own or not self._earlier or step > self.last_steps.get(name, -1):
            return False
        known = self._earlier.get((name, step))
        return known is None or not _is_same(known, value)

    def _began(self, name: str, step: int) -> bool:
        """Whether the curve of a metric began here; one sample is no curve, but perhaps a constant of the attempt."""
        steps = [known for other, known in self._earlier if other == name]
        return len(steps) > 1 and step <= min(steps)


def _is_same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def curve(records: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    """The samples of a journal's records that count, in the order of recording."""
    earlier: list[Sample] = []
    own: list[Sample] = []
    for record in records:
        match record.get("event"):
            case "attempt":
                earlier, own = [*earlier, *own], []
            case "starts_again":
                earlier = []
            case "rewound":
                names, step = record.get("names"), record.get("step")
                if isinstance(names, list) and isinstance(step, int):
                    earlier = [sample for sample in earlier if sample.name not in names or sample.step < step]
            case _:
                own.extend(samples_of(record))
    return iter([*earlier, *own])


def standing(records: Sequence[Mapping[str, Any]], *, finite: bool) -> dict[str, float]:
    """The value of each metric that stands for the trial: at the step that it has selected, else the last one.

    Args:
        records: A journal's records.
        finite: Whether values that are not finite are left out.
    """
    latest = {sample.name: sample.value for sample in curve(records) if not finite or math.isfinite(sample.value)}
    values = latest | {sample.name: sample.value for sample in selected(records)}
    return {name: value for name, value in values.items() if not finite or math.isfinite(value)}


def selected(records: Sequence[Mapping[str, Any]]) -> list[Sample]:
    """The samples at the step that the trial has selected, one per metric; none where it has selected no step."""
    steps = [record.get("step") for record in records if record.get("event") == SELECTED]
    counting = curve(records) if steps else ()
    return list({s.name: s for s in counting if s.step == steps[-1] and s.name not in _COUNTERS}.values())


def samples_of(record: Mapping[str, Any]) -> Iterator[Sample]:
    """The samples of one record; an event has none, and neither has a line that is no record of ours.

    A task may write into the file, too: whatever is no number at a step and a time is left out.
    """
    values, step, time_ms = record.get("metrics"), record.get("step"), record.get("t")
    if isinstance(values, dict) and is_count(step) and is_count(time_ms):
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield Sample(name, finite_or_infinite(value), step, time_ms)  # type: ignore[arg-type]


def has_replaced(records: Iterable[Mapping[str, Any]]) -> bool:
    """Whether these records replace samples of earlier ones."""
    return any(record.get("event") in (STARTS_AGAIN, REWOUND) for record in records)


def is_count(value: object) -> bool:
    """Whether it is a whole number that databases take."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def finite_or_infinite(value: float) -> float:
    """A number as Python's float."""
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 300 digits
        return math.inf if value > 0 else -math.inf
