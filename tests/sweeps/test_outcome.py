import math

import pytest

from sweeps.outcome import Completed, Failed, Goal, Outcome, Pruned, from_json, judge, to_json

SEARCH = Goal(is_searched=True)
LOSS = Goal(names=("loss",))
BOTH = Goal(names=("loss", "acc"), num_values=2)


def judged(returned: object, goal: Goal = SEARCH, **reported: float) -> Outcome:
    return judge(returned, goal, reported, {}, 1.0)


def values(outcome: Outcome) -> tuple[float, ...]:
    assert isinstance(outcome, Completed), outcome
    return outcome.values


@pytest.mark.parametrize("returned", [0.5, [0.5], (0.5,)])
@pytest.mark.parametrize("goal", [SEARCH, LOSS, Goal()])
def test_a_finite_number_completes(returned: object, goal: Goal) -> None:
    assert values(judged(returned, goal)) == (0.5,)


@pytest.mark.parametrize("returned", [math.nan, math.inf, -math.inf, [math.nan]])
@pytest.mark.parametrize("goal", [SEARCH, LOSS, Goal()])
def test_a_value_that_is_not_finite_is_never_a_result(returned: object, goal: Goal) -> None:
    outcome = judged(returned, goal)
    assert isinstance(outcome, Failed) and outcome.cause == "nonfinite"


@pytest.mark.parametrize("returned", [None, "0.5", True, [], [1.0, 2.0], {}, {"acc": 1.0}, {"loss": "low"}])
def test_a_sampler_and_an_objective_need_a_number_and_a_grid_does_not(returned: object) -> None:
    assert values(judged(returned, Goal())) == ()
    for goal in (SEARCH, *([LOSS] if returned != {} else [])):
        outcome = judged(returned, goal)
        assert isinstance(outcome, Failed) and outcome.cause == "no_objective"


def test_several_objectives_need_as_many_values() -> None:
    assert values(judged([1.0, 2.0], BOTH)) == (1.0, 2.0)
    assert isinstance(judged(1.0, BOTH), Failed)


def test_several_numbers_without_directions_are_kept_and_too_few_of_them_are_none() -> None:
    outcome = judged([0.5, 2.0], Goal())
    assert isinstance(outcome, Completed) and outcome.values == ()
    assert outcome.metrics == {"objective_0": 0.5, "objective_1": 2.0}
    assert judged(["a", 2.0], Goal()) == judged("a", Goal()) == Completed(values=(), duration_s=1.0)
    two = judged(0.5, Goal(num_values=2))
    assert isinstance(two, Failed) and two.detail.startswith("the task returned 0.5, expected 2 numbers")
    assert isinstance(judged(None, Goal(num_values=2)), Completed)


def test_objectives_are_taken_by_name() -> None:
    assert values(judged({"acc": 0.5, "loss": 2, "note": "x"}, BOTH)) == (2.0, 0.5)
    assert values(judged({"val": {"loss": 2.0}}, Goal(names=("val/loss",)))) == (2.0,)
    assert values(judged({"acc": 0.5}, BOTH, loss=3.0, acc=0.25)) == (3.0, 0.5)


def test_without_a_returned_value_the_last_reported_one_counts() -> None:
    assert values(judged(None, LOSS, loss=0.25)) == (0.25,)
    assert values(judged(None, Goal(names=("loss",), is_searched=True), loss=0.25)) == (0.25,)
    outcome = judged(None, LOSS, loss=math.nan)
    assert isinstance(outcome, Failed) and outcome.cause == "nonfinite"


def test_the_names_that_were_returned_are_kept() -> None:
    outcome = judged({"acc": 0.5, "note": "x", "val": {"loss": 1}}, Goal())
    assert isinstance(outcome, Completed) and outcome.returned == ("acc", "val/loss")
    assert from_json(to_json(outcome)) == outcome


def test_an_empty_table_says_that_there_is_no_objective() -> None:
    assert values(judged({}, LOSS)) == () and values(judged({}, LOSS, loss=0.5)) == (0.5,)
    assert isinstance(judged({}, Goal(names=("loss",), is_searched=True)), Failed)


@pytest.mark.parametrize(
    "returned, goal, detail",
    [
        (None, LOSS, "the task returned None and reported no loss (study.objective). Known: acc."),
        ({"a": 1.0}, LOSS, "the task returned no loss and reported no loss (study.objective). Known: acc, a."),
        (
            {"a": 1.0},
            SEARCH,
            "the task returned names, and a sampler needs numbers."
            " Return them, or set study.objective to one of acc, a.",
        ),
        (
            "low",
            SEARCH,
            "the task returned 'low', expected 1 number. Return it, or set study.objective to one of acc.",
        ),
        ("low", LOSS, "the task returned 'low', expected 1 number"),
        (
            (0.5, 2.0),
            SEARCH,
            "the task returned (0.5, 2.0), expected 1 number. study.direction has one direction per number:"
            " [minimize,maximize] for two.",
        ),
    ],
)
def test_what_is_missing_is_told(returned: object, goal: Goal, detail: str) -> None:
    outcome = judged(returned, goal, acc=1.0)
    assert isinstance(outcome, Failed) and outcome.detail == detail


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
