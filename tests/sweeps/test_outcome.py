import math

import pytest

from sweeps.outcome import Completed, Failed, Pruned, from_json, judge, to_json


@pytest.mark.parametrize("returned", [0.5, 1, [0.5], (0.5,)])
def test_a_finite_number_completes(returned: object) -> None:
    assert isinstance(judge(returned, 1, {}, 1.0), Completed)


@pytest.mark.parametrize("returned", [math.nan, math.inf, -math.inf, [math.nan]])
def test_a_value_that_is_not_finite_is_never_a_result(returned: object) -> None:
    outcome = judge(returned, 1, {}, 1.0)
    assert isinstance(outcome, Failed) and outcome.cause == "nonfinite"


@pytest.mark.parametrize("returned", [None, "0.5", True, [], [1.0, 2.0], object()])
def test_anything_else_is_no_objective(returned: object) -> None:
    outcome = judge(returned, 1, {}, 1.0)
    assert isinstance(outcome, Failed) and outcome.cause == "no_objective"


def test_several_objectives_need_as_many_values() -> None:
    assert judge([1.0, 2.0], 2, {}, 0.0) == Completed(values=(1.0, 2.0))


@pytest.mark.parametrize(
    "outcome",
    [
        Completed(values=(1.0,), metrics={"a": 2.0}, duration_s=3.0),
        Pruned(values=(), metrics={}),
        Failed(cause="crash", detail="killed by SIGKILL", log_tail="x\ny"),
    ],
)
def test_an_outcome_survives_the_ledger(outcome: object) -> None:
    assert from_json(to_json(outcome)) == outcome  # type: ignore[arg-type]
