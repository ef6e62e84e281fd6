"""What a trial of Optuna's says of a point and of its outcome."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.space import Point
from sweeps.study.axes import Axes, attribute


class Final(NamedTuple):
    """How a trial of Optuna's ends."""

    state: TrialState
    values: Sequence[float] | None
    attributes: Mapping[str, float | str]


def template(axes: Axes, point: Point) -> FrozenTrial:
    """A running trial of the point: parameters where the axes have them, attributes for the rest."""
    point = point.leaves
    params = {key: axes.param(key, point.overrides[key]) for key in point.varied}
    found = {key: param for key, param in params.items() if param is not None}
    left = {key: attribute(point.overrides[key]) for key in point.varied if key not in found}
    return create_trial(
        state=TrialState.RUNNING,
        params={key: value for key, (_, value) in found.items()},
        distributions={key: distribution for key, (distribution, _) in found.items()},
        user_attrs={**({"role": point.role} if point.role else {}), **left},
    )


def final(outcome: Outcome) -> Final:
    """The state, values and attributes that an outcome gives to its trial."""
    match outcome:
        case Completed(values=(), metrics=metrics):
            # Optuna's samplers fail at a complete trial without a value, and leave out a failed one.
            told = {"outcome": "completed without an objective", **_told(metrics)}
            return Final(TrialState.FAIL, None, told)
        case Completed(values=values, metrics=metrics):
            return Final(TrialState.COMPLETE, values, _told(metrics))
        case Pruned(values=values, metrics=metrics):
            return Final(TrialState.PRUNED, values or None, _told(metrics))
        case Failed(cause=cause, detail=detail):
            return Final(TrialState.FAIL, None, {"cause": cause, "detail": detail})


def _told(metrics: Mapping[str, float]) -> dict[str, float | str]:
    """The metrics of the test split as attributes; no reader of JSON but Python's takes what is not finite."""
    tests = {name: value for name, value in metrics.items() if name.startswith("test/")}
    return {name: value if math.isfinite(value) else str(value) for name, value in tests.items()}
