"""Which swept numbers weigh which metrics: the weight of a task is a number that is called as the task's loss is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.errors import StudyError
from sweeps.report.averages import is_number

if TYPE_CHECKING:
    from sweeps.report.frame import Trials

_LOSS = re.compile(r"((?:.*/)?)(.+)_loss")
_SPLITS = ("test/", "val/")
_MAX_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One of several that a network is trained for.

    Attributes:
        name: Such as `thickness`.
        metric: What is measured of it, such as `test/thickness_acc`: the first metric that is not its loss.
        weight: The override key of its weight; None: no trial has one.
    """

    name: str
    metric: str
    weight: str | None

    @property
    def measure(self) -> str:
        """What is measured, without the task: `acc`."""
        return self.metric.rpartition("/")[2].removeprefix(f"{self.name}_")


def tasks_of(trials: "Trials", study: str) -> tuple[Task, ...]:
    """The tasks, in the order of their metrics; at least one weight varies.

    A task has a loss of its own, `SPLIT/TASK_loss`, and its weight is an override whose last part is its name. Metrics
    are of the test split where it has any.

    Raises:
        StudyError: No weight varies.
    """
    losses = {str(name): found for name in trials.metrics if (found := _LOSS.fullmatch(str(name)))}
    splits = dict.fromkeys(found[1] for found in losses.values())
    split = next((split for split in _SPLITS if split in splits), next(iter(splits), ""))
    names = [found[2] for found in losses.values() if found[1] == split]
    keys = _weights(trials, names)
    if not keys:
        raise StudyError(f"Study {study!r} weighs no tasks. {_why(names, trials.varied)}")
    return tuple(Task(name=name, metric=_metric(trials, split, name, names), weight=keys.get(name)) for name in names)


def _weights(trials: "Trials", names: Sequence[str]) -> Mapping[str, str]:
    """Name of a task to the key of its weight: of the one mapping in which one varies."""
    found = {str(key): _split(str(key)) for key in trials.overrides}
    numbers = {key: parts for key, parts in found.items() if parts[1] in names and _holds_numbers(trials, key)}
    inside = next((numbers[key][0] for key in trials.varied if key in numbers), None)
    return {name: key for key, (mapping, name) in numbers.items() if mapping == inside}


def _split(key: str) -> tuple[str, str]:
    mapping, _, name = key.lstrip("+").rpartition(".")
    return mapping, name


def _holds_numbers(trials: "Trials", key: str) -> bool:
    return any(map(is_number, trials.overrides[key]))


def _metric(trials: "Trials", split: str, name: str, names: Sequence[str]) -> str:
    """The first metric of a task that has a direction and is not its loss; else the loss."""
    longer = [other for other in names if other.startswith(f"{name}_")]
    return next(_metrics(trials, f"{split}{name}_", [f"{split}{other}_" for other in longer]), f"{split}{name}_loss")


def _metrics(trials: "Trials", start: str, others: Sequence[str]) -> Iterator[str]:
    for metric in map(str, trials.metrics):
        is_own = metric.startswith(start) and not metric.startswith(tuple(others))
        if is_own and metric != f"{start}loss" and metric in trials.directions:
            yield metric


def _why(names: Sequence[str], varied: Sequence[str]) -> str:
    keys = ", ".join(key.lstrip("+") for key in varied[:_MAX_TOLD]) or "nothing"
    if not names:
        return "No trial that has completed has recorded a metric NAME_loss, which says what tasks there are."
    return f"A weight is called as its task: {', '.join(names[:_MAX_TOLD])}. What varies: {keys}."
