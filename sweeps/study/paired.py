"""Replicates of a point that is clearly worse than the best one: they are not run."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import optuna
from optuna.pruners import WilcoxonPruner
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial

from sweeps import outcome as outcomes
from sweeps.errors import StudyError
from sweeps.outcome import Completed
from sweeps.study.additions import is_of
from sweeps.study.ledger import Ledger
from sweeps.study.records import Claim, point_of
from sweeps.study.schema import rows

Results = Mapping[str, float]
"""Seed to the value that a point has reached with it."""


class Paired:
    """Compares points over the seeds that they share, by Wilcoxon's signed-rank test.

    A step of the test is a seed, its value the final objective of the trial with that seed. So it never sees an epoch.

    Args:
        ledger: The study's rows.
        pruner: The test, with its options.
        direction: `minimize` or `maximize`.
        seed_key: Where the application reads its seed.
    """

    def __init__(self, ledger: Ledger, pruner: WilcoxonPruner, direction: str, seed_key: str) -> None:
        self._ledger, self._pruner, self._seed_key = ledger, pruner, seed_key
        self._direction = optuna.study.StudyDirection[direction.upper()]

    def why_not(self, claim: Claim, configuration: int | None) -> str | None:
        """Why another replicate of a point need not be run; None where it is to be run.

        Args:
            claim: The replicate.
            configuration: Of the process that asks; other points are none to compare with.
        """
        if not claim.point.cell or claim.is_spared:
            return None
        is_comparable = (is_of(configuration), rows.c.state == "done")
        own = self._results(self._ledger.rows(rows.c.cell == claim.point.cell, *is_comparable)).get(claim.point.cell)
        if own is None or len(own) < 2:
            return None
        others = self._results(self._ledger.rows(rows.c.cell.is_not(None), *is_comparable))
        paired = [
            {seed: found[seed] for seed in own} for cell, found in others.items() if cell != claim.point.cell
            if own.keys() <= found.keys()
        ]  # fmt: skip
        return self._judged(own, paired)

    def _judged(self, own: Results, others: Sequence[Results]) -> str | None:
        storage = InMemoryStorage()
        name = storage.get_study_name_from_id(storage.create_new_study([self._direction]))
        study = optuna.Study(study_name=name, storage=storage, pruner=self._pruner)
        for each in others:
            study.add_trial(create_trial(value=fmean(each.values()), intermediate_values=_by_step(each, own)))
        asked = create_trial(state=TrialState.RUNNING, intermediate_values=_by_step(own, own))
        if not others or not self._pruner.prune(study, asked):
            return None
        best, mean = study.best_trial.value, fmean(own.values())
        means = f"mean {mean:.6g} over {len(own)} seeds, the best has {best:.6g} over the same"
        return f"its point is clearly worse: {means} (wilcoxon)"

    def _results(self, found: Sequence[Any]) -> dict[str, dict[str, float]]:
        """Cell to its results by seed."""
        results: dict[str, dict[str, float]] = {}
        for row in found:
            outcome, point = outcomes.from_json(row.outcome), point_of(row)
            if isinstance(outcome, Completed) and outcome.values and point is not None:
                results.setdefault(row.cell, {})[point.seed(self._seed_key)] = outcome.values[0]
        return results


def check_replicates(pruner: WilcoxonPruner, num_replicates: int) -> None:
    """Refuse the test where it could never spare a replicate.

    Of n pairs that all point one way, the test finds 1 / 2^n. So it needs some replicates before it can tell.

    Raises:
        StudyError: With how many replicates it takes.
    """
    threshold = pruner._p_threshold
    needed = next((n for n in range(max(2, pruner._n_startup_steps), 1000) if 0.5**n < threshold), None)
    if needed is None:
        raise StudyError(f"study.pruner.p_threshold={threshold} is never reached. Usual is 0.1.")
    if num_replicates <= needed:
        raise StudyError(
            f"study.pruner=wilcoxon compares the seeds of a point and needs {needed} of them to tell"
            f" (p_threshold={threshold}), and there {'is' if num_replicates == 1 else 'are'} {num_replicates}."
            f" study.replicates={needed + 1} or more."
        )


def _by_step(results: Results, own: Results) -> dict[int, float]:
    return {step: results[seed] for step, seed in enumerate(own)}
