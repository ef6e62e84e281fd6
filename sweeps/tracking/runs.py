"""What a tracking server has of a study's runs, as plain values, and what is wrong with it."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sweeps.outcome import Outcome
from sweeps.tracking.cards import Tag, TrialCard
from sweeps.tracking.names import ORIGINAL, fitting, storable
from sweeps.trial.journal import Sample

Role = Literal["study", "trial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        id: Its id.
        status: `RUNNING`, `SCHEDULED`, `FINISHED`, `KILLED` or `FAILED`.
        tags: Its tags.
        params: Its params.
        latest: Metric name to the sample of the highest step, and of those the latest.
    """

    id: str
    status: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    latest: Mapping[str, Sample]


def missing_samples(run: Run, card: TrialCard, outcome: Outcome) -> Iterator[str]:
    """What the run of a trial that has ended lacks of its samples, each in a few words.

    Judged by what one search brings: how many samples the run says that it has, and the last one of each metric. An
    application may log to its trial's run by itself: samples that the trial has not recorded are no fault.
    """
    samples = card.samples(outcome)
    has = run.tags.get(Tag.NUM_SAMPLES)
    if has != str(len(samples)):
        yield f"its run has {has or 'not all'} of {len(samples)} samples"
    refused = _refused(run)
    last: dict[str, Sample] = {}
    for sample in samples:
        last[sample.name] = max(last.get(sample.name, sample), sample, key=_order)
    for name, sample in last.items():
        there = run.latest.get(fitting(name))
        if fitting(name) != name and ORIGINAL + fitting(name) not in run.tags:
            yield f"{name} has no name of its own in MLflow"  # an earlier version gave several metrics one name
        elif name in refused:
            continue
        elif there is None:
            yield f"{name} is not in MLflow"
        elif there.step < sample.step:
            yield f"{name} ends at step {there.step} in MLflow, {sample.step} was recorded"


def is_of_another(run: Run, card: TrialCard, outcome: Outcome) -> bool:
    """Whether a run has samples of other attempts than the trial's files, which MLflow cannot forget."""
    is_closed = Tag.NUM_SAMPLES in run.tags
    for sample in card.best(outcome):
        there = run.latest.get(fitting(sample.name))
        if there is not None and not math.isnan(there.value) and there.value != storable(sample.value):
            return True
    return card.begins_late() and not is_closed


def _order(sample: Sample) -> tuple[int, int, float]:
    return sample.step, sample.time_ms, 0.0 if math.isnan(sample.value) else storable(sample.value)


def _refused(run: Run) -> Mapping[str, int]:
    found = json.loads(run.tags.get(Tag.REFUSED) or "{}")
    return found if isinstance(found, dict) else {}
