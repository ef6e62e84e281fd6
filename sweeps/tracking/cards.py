"""What a tracking server shows of studies and trials, as plain values."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sweeps.outcome import Completed, Outcome, kind
from sweeps.space import REPLICATE_KEY, Point, is_key
from sweeps.tracking.run_names import rounded, run_name, short
from sweeps.tracking.steps import settled
from sweeps.tracking.written import Written
from sweeps.trial import journal
from sweeps.trial.curves import curve, selected
from sweeps.trial.files import TrialFiles
from sweeps.values import canonical


class Tag(StrEnum):
    """Names of the tags that runs carry."""

    ROLE = "sweeps.role"
    STUDY = "study"
    STUDY_KEY = "sweeps.study_key"
    COMMAND = "command"
    TRIAL = "trial"
    CELL = "cell"
    CELL_KEY = "sweeps.cell_key"
    ARCH = "arch"
    POINT_ROLE = "role"
    SEED = "seed"
    TAGS = "tags"
    STATE = "state"
    CAUSE = "cause"
    DETAIL = "detail"
    NUM_SAMPLES = "sweeps.num_samples"
    """Of a closed run: samples that it should have, all of which have been sent."""
    CONFIGURATION = "configuration"
    """Where a study has trials of an earlier configuration: `earlier`, and `today` of the others."""
    DIGEST = "sweeps.digest"
    REFUSED = "sweeps.refused"
    """Of a closed run: metric name to the number of its samples that the server does not take, as JSON."""


EARLIER = {
    "run_role": Tag.ROLE, "study_key": Tag.STUDY_KEY, "cell_key": Tag.CELL_KEY,
}  # fmt: skip
"""Names of tags in runs of an earlier version, whose metrics have other names and steps, too."""

BEST, KEPT, SWEPT = "best/", "selected/", "x/"
"""Front of the metrics that hold objectives, values of the selected step, and swept numbers.

A server's pages sort by name, and take the first."""

STATUS = {"completed": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCard:
    """A study as a parent run.

    Attributes:
        key: Unique over all databases; a new study of an old name gets runs of its own.
        name: Its name.
        params: What never changes: objective and direction.
        tags: What may change when the study is extended: its command.
        started_ms: Says when its first trial was claimed, in milliseconds since the epoch; None before.
    """

    key: str
    name: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    started_ms: Callable[[], int | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCard:
    """A trial as a child run.

    Attributes:
        number: The trial's number.
        point: Its overrides, those of mappings key by key.
        files: Its files on this machine.
        objectives: A name per value that it returns.
        seed_key: The key that replicates differ in.
        command: What runs it alone.
    """

    number: int
    point: Point
    files: TrialFiles
    objectives: tuple[str, ...] = ()
    seed_key: str = REPLICATE_KEY
    command: str = ""

    @property
    def run_name(self) -> str:
        """Number and the values that vary, short enough for a table's column: `008 cnn 0.5 s0`."""
        overrides = self.point.overrides
        values = [
            f"s{overrides[k]}" if is_key(k, self.seed_key) else rounded(k, overrides[k]) for k in self.point.varied
        ]
        return run_name(self.number, values)

    @property
    def numbers(self) -> dict[str, float]:
        """The swept numbers but the seed, which a server can only filter and sort as metrics."""
        found = {}
        for key in self.point.varied:
            value = canonical(key, self.point.overrides[key])
            if isinstance(value, int | float) and not isinstance(value, bool) and not is_key(key, self.seed_key):
                found[swept(key)] = float(value)
        return found

    def best(self, outcome: Outcome | None) -> list[journal.Sample]:
        """The objectives of a completed trial once more, by names that come first."""
        if not isinstance(outcome, Completed):
            return []
        ended_ms = self._ended_ms(journal.read(self.files.journal)[0])
        named_values = zip(self.objectives, outcome.values, strict=False)
        return [journal.Sample(BEST + name, value, 0, ended_ms) for name, value in named_values]

    def kept(self, outcome: Outcome | None) -> list[journal.Sample]:
        """What stands for a completed trial of each curve: a server shows the value of the last step by its name."""
        records = journal.read(self.files.journal)[0] if isinstance(outcome, Completed) else []
        samples = selected(records)
        num = Counter(sample.name for sample in curve(records)) if samples else Counter[str]()
        ended_ms = self._ended_ms(records)
        return [s._replace(name=KEPT + s.name, time_ms=ended_ms) for s in samples if num[s.name] > 1]

    def awaited(self, now_ms: int) -> list[journal.Sample]:
        """The objectives of a trial that has no result yet, as no number: a page takes metrics as they came."""
        return [journal.Sample(BEST + name, math.nan, 0, now_ms) for name in self.objectives]

    def cost(self, outcome: Outcome) -> list[journal.Sample]:
        """Wall time over all attempts, in seconds, and their number."""
        records = journal.read(self.files.journal)[0]
        num_attempts = sum(record.get("event") == "attempt" for record in records)
        costs = {"cost/seconds": outcome.duration_s, "cost/attempts": float(num_attempts)}
        return [journal.Sample(name, value, 0, self._ended_ms(records)) for name, value in costs.items()]

    def span_ms(self, outcome: Outcome | None) -> tuple[int, int] | None:
        """Start and end in milliseconds since the epoch, by the trial's own clock; None before it has started.

        One attempt lasted what the study says: what is killed, or raises, writes nothing at its end.
        """
        records = journal.read(self.files.journal)[0]
        span = journal.span_ms(records)
        if span is None or outcome is None or sum(record.get("event") == "attempt" for record in records) > 1:
            return span
        return span[0], span[0] + round(1000 * outcome.duration_s)

    @staticmethod
    def _ended_ms(records: Sequence[Mapping[str, Any]]) -> int:
        return (journal.span_ms(records) or (0, -1))[1] + 1  # behind whatever was recorded

    def returned(self, outcome: Outcome | None) -> list[journal.Sample]:
        """What a completed trial has returned, unless it is what the trial itself has recorded last by that name.

        Step and time follow from the journal: sent twice, it is one sample.
        """
        if not isinstance(outcome, Completed):
            return []
        records = journal.read(self.files.journal)[0]
        last = {sample.name: sample for sample in curve(records)}
        ended_ms = self._ended_ms(records)
        made = []
        named = {name: outcome.metrics[name] for name in outcome.returned if name in outcome.metrics}
        for name, value in {**named, **dict(zip(self.objectives, outcome.values, strict=False))}.items():
            known = last.get(name)
            if known is None or known.value != value:
                made.append(journal.Sample(name, value, known.step if known else 0, ended_ms))
        return made

    def samples(self, outcome: Outcome | None) -> list[journal.Sample]:
        """All that a server should have of a trial: what it has recorded, and what it has returned."""
        records = journal.read(self.files.journal)[0]
        recorded = [*curve(records), *self.returned(outcome)]
        ended = [*self.best(outcome), *self.kept(outcome)]
        return [*settled(recorded, (journal.span_ms(records) or (0, 0))[1]), *ended]

    def begins_late(self) -> bool:
        """Whether its first attempt here was not the trial's first: that one ran elsewhere, or was set aside."""
        attempts = journal.events(self.files.journal, "attempt")
        first = attempts[0].get("attempt") if attempts else None
        return isinstance(first, int) and first > 1

    def written(self) -> Written:
        """What the trial has written of itself so far."""
        return Written.of(self.files)

    def tags(self, written: Written) -> dict[str, str]:
        """Trial number, seed, the tags of its configuration, and a cell that replicates of one point share."""
        overrides = self.point.overrides
        varied = self.point.axes(self.seed_key)
        values, keys = " ".join(overrides[key] for key in varied), ", ".join(short(key) for key in varied)
        own = written.shown.get("tags")
        found = {
            Tag.ARCH: written.choices.get("model") or overrides.get("model"),
            Tag.SEED: written.shown.get("seed", overrides.get("seed")),
            Tag.TAGS: ", ".join(map(str, own)) if isinstance(own, list) and own else None,
            Tag.COMMAND: self.command or None,
            **written.tags,
            Tag.POINT_ROLE: self.point.role or None,
        }
        return {
            Tag.ROLE: "trial",
            Tag.TRIAL: str(self.number),
            Tag.CELL: f"{values} ({keys})" if varied else "default",
            Tag.CELL_KEY: self.point.cell_key,
            **{name: str(value) for name, value in found.items() if value is not None},
        }

    def params(self, written: Written) -> dict[str, str]:
        """The hyperparameters that the trial has declared, and what the command line set, which counts."""
        overrides = {key.lstrip("+~"): value for key, value in self.point.overrides.items()}
        return {**_flat(written.hyperparameters), **overrides}


def swept(key: str) -> str:
    """Name of the metric that holds a swept number."""
    return SWEPT + key.lstrip("+~")


def status_of(outcome: Outcome) -> str:
    """The tracking server's word for how a trial ended."""
    return STATUS[kind(outcome)]


def _flat(values: Any, prefix: str = "") -> dict[str, str]:
    """Dotted key to text for every value below; an empty table or list counts as a value."""
    if isinstance(values, Mapping) and (values or not prefix):
        return {k: v for key, value in values.items() for k, v in _flat(value, f"{prefix}.{key}".lstrip(".")).items()}
    is_word = values is None or isinstance(values, bool)
    return {prefix: json.dumps(values) if is_word else str(values)}  # null, true, false, as they were typed
