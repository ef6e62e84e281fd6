"""How much each key has to do with a good result, by Optuna's own ranking."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, create_trial

from sweeps.outcome import Completed
from sweeps.study.axes import Axes
from sweeps.study.records import TrialRow

FEWEST = 10
"""Trials: the best tenth is compared with all of them."""


def importances(axes: Axes, trials: Sequence[TrialRow], ways: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Objective to the share of each key, which add up to 1: what tells the best tenth of the trials from the others.

    By PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255), over the distributions that Optuna's trials have.

    Args:
        axes: What the study varies.
        trials: Its trials; those that have completed count.
        ways: Objective to `minimize` or `maximize`, in the order of the values of a result.

    Returns:
        An entry per objective; none where fewer than `FEWEST` trials have its value, or nothing varies.
    """
    found: dict[str, dict[str, float]] = {}
    for i, (name, way) in enumerate(ways.items()):
        told = [made for trial in trials if (made := _told(axes, trial, i)) is not None]
        if len(told) >= FEWEST and (shares := _shares(told, way)):
            found[name] = shares
    return found


def _told(axes: Axes, trial: TrialRow, i: int) -> FrozenTrial | None:
    outcome, point = trial.outcome, trial.point
    if not isinstance(outcome, Completed) or point is None or len(outcome.values) <= i:
        return None
    params = {key: axes.param(key, point.overrides[key]) for key in point.varied}
    known = {key: param for key, param in params.items() if param is not None}
    if not math.isfinite(outcome.values[i]):
        return None
    return create_trial(
        params={key: value for key, (_, value) in known.items()},
        distributions={key: distribution for key, (distribution, _) in known.items()},
        value=outcome.values[i],
    )


def _shares(trials: Iterable[FrozenTrial], way: str) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # these import pandas

    # A study of its own: that of the database has other trials as well, and several objectives.
    storage = optuna.storages.InMemoryStorage()
    number = storage.create_new_study([optuna.study.StudyDirection[way.upper()]], "shares")
    for trial in trials:
        storage.create_new_trial(number, template_trial=trial)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # before version 5 it calls this experimental
        study = optuna.load_study(study_name="shares", storage=storage)
        shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {key: float(share) for key, share in shares.items() if math.isfinite(share)}
