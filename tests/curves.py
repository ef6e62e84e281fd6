"""Learning curves, and a study that is fed with them: trials without a process, in slots of equal speed."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.outcome import Completed, Pruned
from sweeps.space import Point
from sweeps.study.pruning import make_pruner
from sweeps.study.records import Claim
from sweeps.study.storage import Database
from sweeps.study.study import Study

Curve = Sequence[Mapping[str, float]]
"""What a trial reports, step by step, from step 1 on."""


def curves(num: int, num_steps: int = 9, seed: int = 0) -> list[Curve]:
    """Losses that fall at different speeds to different levels, with noise; `cost` is a second objective."""
    draw = random.Random(seed)
    made = []
    for _ in range(num):
        level, rate, cost = draw.uniform(0.1, 1.0), draw.uniform(0.8, 1.2), draw.uniform(0.0, 1.0)
        steps = range(1, num_steps + 1)
        losses = [level + 2.0 * math.exp(-rate * step) + draw.gauss(0, 0.02) for step in steps]
        made.append([{"loss": loss, "cost": cost, "acc": 1 - loss} for loss in losses])
    return made


@dataclass
class Fed:
    """What became of the trials: steps run by number, and numbers of those that were pruned."""

    study: Study
    steps: dict[int, int] = field(default_factory=dict)
    pruned: set[int] = field(default_factory=set)

    @property
    def num_steps(self) -> int:
        return sum(self.steps.values())


def feed(
    folder: Path,
    found: Sequence[Curve],
    pruner: Any,
    num_slots: int = 2,
    objectives: Mapping[str, str] | None = None,
    by: Mapping[str, str] | None = None,
) -> Fed:
    """Run the curves as trials of a study; each slot reports in turn, and a decision comes before the next report.

    Args:
        folder: Where its database is made.
        found: One curve per trial.
        pruner: As in the settings; None: none.
        num_slots: Trials that run at a time.
        objectives: Metric to direction.
        by: Metric that is judged, to direction; None: the objectives.
    """
    ways = dict(objectives or {"loss": "minimize"})
    database = Database(f"sqlite:///{folder}/curves.db")
    study = Study.create(database, "s", list(ways.values()), {"objective": list(ways)})
    study.add([Point(overrides={"x": str(number)}, varied=("x",)) for number in range(len(found))])
    if pruner is not None:
        study.use(make_pruner(pruner, None), by)
    result = Fed(study)
    slots: list[tuple[Claim, int] | None] = [None] * num_slots
    while True:
        for slot, held in enumerate(slots):
            if held is None and (claim := study.claim("w", None)):
                slots[slot] = held = (claim, 0)
            if held is not None:
                slots[slot] = _step(result, held, found, list(ways))
        if not any(slots) and study.is_finished():
            return result


def _step(result: Fed, held: tuple[Claim, int], found: Sequence[Curve], names: list[str]) -> tuple[Claim, int] | None:
    claim, step = held
    number, reported = claim.number, found[claim.number][step]
    result.steps[number] = step + 1
    values = tuple(reported[name] for name in names)
    is_stopped = result.study.should_prune(claim, reported, step + 1)
    if step + 1 == len(found[number]):  # a trial that has ended looks for no decision
        result.study.tell(claim, Completed(values=values))
    elif is_stopped:
        result.pruned.add(number)
        result.study.tell(claim, Pruned(values=values))
    else:
        return claim, step + 1
    return None
