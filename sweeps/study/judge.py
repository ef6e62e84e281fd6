"""Whether a trial should stop, by what it and the others have reported."""

from collections.abc import Mapping, Sequence

from sweeps.errors import did_you_mean
from sweeps.study.mirror import Mirror
from sweeps.study.moasha import MoAsha
from sweeps.study.records import Claim
from sweeps.study.rungs import Rungs


class Judge:
    """Feeds a pruner with reports.

    Args:
        mirror: Optuna's trials, which one of Optuna's pruners reads.
        rungs: What is kept for a pruner of several objectives.
        objectives: Names of what the study optimises; empty where the values have none.
        directions: `minimize` or `maximize` per value.
    """

    def __init__(self, mirror: Mirror, rungs: Rungs, objectives: Sequence[str], directions: Sequence[str]) -> None:
        self._mirror, self._rungs, self._direction = mirror, rungs, directions[0]
        self._by = dict(zip(objectives, directions, strict=False))
        self._by_fronts: MoAsha | None = None
        self._reported: dict[int, tuple[int, Mapping[str, float]]] = {}
        self._is_used, self._has_seen, self._has_told = False, False, False

    def use(self, by_fronts: MoAsha | None, by: Mapping[str, str] | None) -> None:
        """Judge by a pruner.

        Args:
            by_fronts: The pruner, where it is ours; None: the mirror has it.
            by: Metric to direction; None: the objectives.
        """
        self._by_fronts, self._is_used = by_fronts, True
        self._by = self._by if by is None else dict(by)

    def should_stop(self, claim: Claim, reports: Mapping[str, float], step: int) -> bool:
        """Whether a trial should stop that has reported this; what it has reported of one step counts together."""
        wanted = {name: value for name, value in reports.items() if name in self._by}
        of_step, known = self._reported.get(claim.number, (step, {}))
        reports = {**known, **wanted} if of_step == step else wanted
        if not wanted:
            return False
        self._reported[claim.number] = step, reports
        if not self._by.keys() <= reports.keys():
            return False
        self._has_seen = True
        if self._by_fronts is not None:
            return not claim.is_spared and self._stops_at_a_rung(self._by_fronts, claim, reports, step)
        if len(self._by) > 1:  # Optuna takes no report in a study of several objectives
            return False
        [(name, direction)] = self._by.items()
        sign = 1.0 if direction == self._direction else -1.0  # Optuna reads every number in the study's direction
        return self._mirror.should_prune(claim, sign * reports[name], step) and not claim.is_spared

    def silence(self, number: int, reported: Mapping[str, float]) -> str | None:
        """That a trial has ended without the metric that is judged; told once, and None where any trial has had it.

        Args:
            number: The trial's.
            reported: All that it has left.
        """
        if not self._is_used or self._has_seen or self._has_told:
            return None
        self._has_told = True
        missing = ", ".join(self._by)
        known = did_you_mean(next(iter(self._by), ""), reported)
        return (
            f"trial {number} has ended and has reported no {missing} on its way, so the pruner had nothing to judge"
            f" (study.prune_by, else study.objective). It has left: {known}"
        )

    def _stops_at_a_rung(self, pruner: MoAsha, claim: Claim, reports: Mapping[str, float], step: int) -> bool:
        rung = pruner.rung_of(step)
        if rung is None:
            return False
        own = [reports[name] * (-1.0 if way == "maximize" else 1.0) for name, way in self._by.items()]
        others = self._rungs.reach(claim.number, rung, own)
        return others is not None and pruner.stops(own, others)
