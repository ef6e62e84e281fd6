"""The metrics and events of one trial: an append-only file of JSON lines, the source of every view."""

import functools
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sweeps.redact import text, tree
from sweeps.trial.curves import Past, Sample, curve, finite_or_infinite, is_count, samples_of, standing
from sweeps.trial.files import TrialFiles
from sweeps.trial.plain import plain

__all__ = ["Journal", "Sample", "events", "read", "samples", "samples_of", "span_ms", "values"]
log = logging.getLogger(__name__)

_MAX_REMEMBERED = 100_000
"""Bytes of a journal whose records are kept for the next reader."""


_STEPS = "The steps of a metric must grow; a task that trains more than once counts them on."


class Journal:
    """Appends to the journal of a directory.

    A sample (name, step) is recorded once. An attempt that repeats steps of an earlier one with equal values adds
    nothing: it has continued. With other values it is another run, whose samples replace those of the earlier one.

    Args:
        directory: The trial's directory; created on the first line.
    """

    def __init__(self, directory: str | Path) -> None:
        self.path = TrialFiles(Path(directory)).journal
        _end_torn_line(self.path)
        self._past = Past(read(self.path)[0])
        self._left_out: set[str] = set()

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Record the values that were not recorded at this step or later; what is no number is left out."""
        found = {text(str(name)): self._number(str(name), value) for name, value in values.items()}
        numbers = {name: number for name, number in found.items() if number is not None}
        for name, last in self._past.behind(numbers, step).items():
            if name not in self._left_out:
                self._left_out.add(name)
                log.warning("%s at step %d is not recorded: step %d was there before. %s", name, step, last, _STEPS)
        for record in self._past.replaced_by(numbers, step):
            self._append({"t": _now_ms(), **record})
        new = {name: number for name, number in numbers.items() if step > self._past.last_steps.get(name, -1)}
        if new:
            self._past.last_steps.update(dict.fromkeys(new, step))
            self._append({"t": _now_ms(), "step": step, "metrics": new})

    def next_step(self, name: str) -> int:
        """The first step behind all that are recorded of a metric."""
        return self._past.last_steps.get(text(name), -1) + 1

    def log_last(self, values: Mapping[str, float]) -> None:
        """Record what came out at the end, at the last step; a value that stands there already is not repeated."""
        last = {sample.name: sample.value for sample in samples(self.path)}
        new = {name: value for name, value in values.items() if last.get(text(name)) != value}
        step = max(self._past.last_steps.values(), default=0)
        self.log(new, step + any(self._past.last_steps.get(text(name)) == step for name in new))

    def event(self, name: str, /, **fields: Any) -> None:
        """Record something that happened; of a value that is not plain, its text."""
        self._append({"t": _now_ms(), "event": name, **fields})

    def _number(self, name: str, value: Any) -> float | None:
        """A value as a number; None, with one warning for each name: it is none."""
        try:
            return float(value)
        except OverflowError:
            return finite_or_infinite(value)
        except Exception as error:  # of a tensor of several elements, of a text, of whatever a task logs
            if name not in self._left_out:
                self._left_out.add(name)
                log.warning("%s is not recorded: %s", name, (str(error).splitlines() or [type(error).__name__])[0])
            return None

    def _append(self, record: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Opened for each record, a few a second at most: nothing is left open or unwritten when a process dies.
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(tree(plain(record))) + "\n")


def read(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The whole records from a byte offset on, and the offset behind them.

    A line that a crash has torn is left out.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    whole = data[:end]
    return list(_parsed(whole) if end <= _MAX_REMEMBERED else _records(whole)), offset + end


def samples(path: Path) -> Iterator[Sample]:
    """Every sample that counts, in the order of recording: an attempt that started again replaces the one before."""
    yield from curve(read(path)[0])


def span_ms(records: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Times of the first and the last record, in milliseconds since the epoch; None where there is none."""
    times = [record["t"] for record in records if is_count(record.get("t"))]
    return (times[0], times[-1]) if times else None


def values(path: Path, *, finite: bool = True) -> dict[str, float]:
    """The value of every metric that stands for the trial; see `standing`."""
    return standing(read(path)[0], finite=finite)


def events(path: Path, name: str) -> list[dict[str, Any]]:
    """The events of that name, oldest first; their fields are whatever the trial has written."""
    return [record for record in read(path)[0] if record.get("event") == name]


@functools.lru_cache(maxsize=16)
def _parsed(data: bytes) -> tuple[dict[str, Any], ...]:
    """The records, which nobody changes: who compares a trial with its run asks for them ten times."""
    return tuple(_records(data))


def _records(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _end_torn_line(path: Path) -> None:
    """Keep the next record off the end of a line that a crash has torn."""
    try:
        with path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
    except OSError:
        pass  # no file yet, or an empty one


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
