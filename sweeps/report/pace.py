"""How long trials take that are of one kind, and so how long what is left of a study takes."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sweeps.outcome import Completed, Pruned
from sweeps.study.records import AGE, DONE, GROUP, TrialRow

_LEAST_DONE = 0.05
"""Part of a running trial's work from which on its age tells its duration."""

_LEAST_SHARE = 0.25
"""Part of the differences between durations that a key must explain to tell kinds apart."""

Kind = dict[str, str]


class Left(NamedTuple):
    """Time that is left.

    Attributes:
        seconds: As far as it is known.
        is_whole: Whether it is known of every trial.
    """

    seconds: float
    is_whole: bool


class Pace:
    """Durations of trials by their kind: the values of the keys on which durations depend, such as the model.

    A key counts where it explains a good part of the differences between the durations seen so far, by the adjusted
    share of variance (eta squared) of their logarithms. A name that no trial has had so far may take any time; of
    numbers, the kind without that key stands for it.

    Args:
        trials: Trials of a study; those that have ended count, and those that run and say how far they are.
        seed_key: The key that replicates differ in.
    """

    def __init__(self, trials: Iterable[TrialRow], seed_key: str) -> None:
        self._seed_key = seed_key
        seen = [(self._kind(trial), duration) for trial in trials if (duration := _duration_s(trial))]
        keys = {key for kind, _ in seen for key in kind}
        shares = {key: _share(seen, key) for key in keys}
        telling = [key for key in sorted(keys) if shares[key] >= _LEAST_SHARE]
        self._keys = sorted(telling, key=lambda key: -shares[key])
        self._names = {key: {kind.get(key, "") for kind, _ in seen} for key in keys}
        self._means: dict[tuple[str, ...], float] = {}
        for num in range(len(self._keys) + 1):  # also of the kinds with fewer keys
            groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
            for kind, duration in seen:
                groups[self._short(kind, num)].append(duration)
            self._means |= {kind: statistics.fmean(durations) for kind, durations in groups.items()}

    def whole_s(self, trial: TrialRow) -> float | None:
        """How long a trial takes as a whole; None where no trial of its kind is known."""
        kind = self._kind(trial)
        for key, names in self._names.items():
            if (value := kind.get(key, "")) not in names and not _is_number(value):
                return None
        known = (self._means.get(self._short(kind, num)) for num in range(len(self._keys), -1, -1))
        return next((mean for mean in known if mean is not None), None)

    def left_s(self, trial: TrialRow) -> float | None:
        """How long it is until a trial ends that is open or runs; None where nobody knows."""
        own_s = self._own_s(trial)
        return None if own_s is None else own_s * _company(trial)

    def _own_s(self, trial: TrialRow) -> float | None:
        """The same, of a process that it has for itself: trials that share one have their parts of its time."""
        age_s, done = trial.progress.get(AGE, 0.0), trial.progress.get(DONE)
        if trial.state == "running" and done is not None and done >= _LEAST_DONE:
            return float(age_s * (1 - done) / done)
        whole_s = self.whole_s(trial)
        return None if whole_s is None else max(0.0, whole_s - (age_s if trial.state == "running" else 0.0))

    def of_study(self, trials: Iterable[TrialRow]) -> Left | None:
        """Time until these trials have ended, with as many at a time as run now; None where nothing is known."""
        lefts = [(trial, self._own_s(trial)) for trial in trials if trial.state in ("open", "running")]
        known = [left for _, left in lefts if left is not None]
        running = [(_company(trial), left) for trial, left in lefts if trial.state == "running"]
        num_slots = sum(1 / size for size, _ in running)
        if not known or not num_slots:
            return None
        longest = max((left * size for size, left in running if left is not None), default=0.0)
        return Left(max(sum(known) / num_slots, longest), len(known) == len(lefts))

    def _kind(self, trial: TrialRow) -> Kind:
        point = trial.point
        return {} if point is None else {key: point.overrides[key] for key in point.axes(self._seed_key)}

    def _short(self, kind: Mapping[str, str], num: int) -> tuple[str, ...]:
        return tuple(f"{key}={kind.get(key, '')}" for key in self._keys[:num])


def _company(trial: TrialRow) -> int:
    """How many trials share its process."""
    return len(trial.progress.get(GROUP) or ()) or 1


def _duration_s(trial: TrialRow) -> float | None:
    match trial.outcome:
        case Completed(duration_s=duration_s) | Pruned(duration_s=duration_s):
            return duration_s if duration_s > 0 else None
    done: Any = trial.progress.get(DONE)
    return trial.progress.get(AGE, 0.0) / done if done is not None and done >= _LEAST_DONE else None


def _share(seen: Sequence[tuple[Kind, float]], key: str) -> float:
    """Adjusted share of the variance of log durations that lies between the values of a key."""
    groups: dict[str, list[float]] = defaultdict(list)
    for kind, duration in seen:
        groups[kind.get(key, "")].append(math.log(duration))
    num, num_groups = len(seen), len(groups)
    if num_groups < 2 or num <= num_groups:
        return 0.0
    mean = statistics.fmean(value for group in groups.values() for value in group)
    total = sum((value - mean) ** 2 for group in groups.values() for value in group)
    within = sum(statistics.pvariance(group) * len(group) for group in groups.values())
    return 1 - (within / (num - num_groups)) / (total / (num - 1)) if total > 0 else 0.0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
