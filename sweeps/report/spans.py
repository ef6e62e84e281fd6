"""When each attempt ran, out of the events of a study, and on which lane of a picture it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sweeps.owners import host_of
from sweeps.report.figures.timeline import Bar
from sweeps.study.events import Event
from sweeps.study.records import TrialRow

_MAX_STEPS = 300
_ENDS = ("finished", "handed back", "lost", "lease lost", "retried")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One attempt.

    Attributes:
        worker: Who ran it.
        bar: Its bar; the lane is counted within its worker.
    """

    worker: str
    bar: Bar


def spans(events: Iterable[Event], trials: Sequence[TrialRow], now: float) -> list[Span]:
    """Every attempt that was started, by the time of its start.

    Args:
        events: Of the study, oldest first.
        trials: Its trials, which say how the last attempt of each has ended.
        now: Seconds since the epoch, when the attempts end that still run.
    """
    states = {trial.number: trial.state for trial in trials}
    began: dict[tuple[int, int], Event] = {}
    found: list[tuple[Event, float, str]] = []
    for event in events:
        if event.what == "claimed":
            began[event.number, event.attempt] = event
        elif event.what in _ENDS and (start := began.pop((event.number, event.attempt), None)) is not None:
            state = states.get(event.number, "") if event.what == "finished" else _cut(event)
            found.append((start, event.at, state if state in ("completed", "pruned", "failed") else "cut short"))
    found += [(start, now, "running") for start in began.values() if states.get(start.number) == "running"]
    found.sort(key=lambda one: one[0].at)
    first = found[0][0].at if found else 0.0
    return _laned([_span(start, end, state, first) for start, end, state in found])


def _cut(event: Event) -> str:
    return "failed" if event.what == "retried" else "cut short"


def _span(start: Event, end: float, state: str, first: float) -> Span:
    bar = Bar(lane=0, start_s=start.at - first, end_s=max(end, start.at) - first, state=state, number=start.number)
    return Span(worker=start.worker, bar=bar)


def _laned(found: Sequence[Span]) -> list[Span]:
    """Each on the first lane of its worker that is free when it starts."""
    free: dict[str, list[float]] = {}
    made: list[Span] = []
    for span in found:
        ends = free.setdefault(span.worker, [])
        lane = next((i for i, end in enumerate(ends) if end <= span.bar.start_s), len(ends))
        ends[lane : lane + 1] = [span.bar.end_s]
        made.append(Span(worker=span.worker, bar=replace(span.bar, lane=lane)))
    return made


def lanes(found: Sequence[Span]) -> tuple[list[Bar], list[str]]:
    """The bars with the lanes of all workers below each other, and what the lanes are called."""
    workers = dict.fromkeys(span.worker for span in found)
    slots = {worker: 1 + max(span.bar.lane for span in found if span.worker == worker) for worker in workers}
    first: dict[str, int] = {}
    names: list[str] = []
    for i, worker in enumerate(workers, start=1):
        first[worker] = len(names)
        names += [f"{host_of(worker) or 'worker'} {i}, slot {slot}" for slot in range(1, slots[worker] + 1)]
    return [replace(span.bar, lane=first[span.worker] + span.bar.lane) for span in found], names


def load_of(found: Sequence[Span]) -> tuple[list[float], list[int]]:
    """Times, and how many trials ran from each on; of very many the largest number in each of equal stretches."""
    changes = sorted([(span.bar.start_s, 1) for span in found] + [(span.bar.end_s, -1) for span in found])
    times, running = [0.0], [0]
    for at, change in changes:
        times.append(at)
        running.append(running[-1] + change)
    return (times, running) if len(times) <= _MAX_STEPS else _coarse(times, running)


def _coarse(times: Sequence[float], running: Sequence[int]) -> tuple[list[float], list[int]]:
    width = times[-1] / _MAX_STEPS or 1.0
    most = [0] * (_MAX_STEPS + 1)
    for start, end, number in zip(times, [*times[1:], times[-1]], running, strict=True):
        for step in range(int(start / width), int(end / width) + 1):
            most[step] = max(most[step], number)
    most[-1] = running[-1]
    return [step * width for step in range(_MAX_STEPS + 1)], most
