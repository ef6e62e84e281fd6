"""A trial that the pruner has stopped is pruned, however its task ends."""

from pathlib import Path

import pytest

from sweeps.outcome import Completed, Pruned
from tests.foreign.runs import Application

pytestmark = pytest.mark.long


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_what_ends_where_it_should_stop_is_pruned_and_what_goes_on_is_not(isolation: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "stops")
    pruner = ("+study/pruner=threshold", "+study.pruner.upper=1", "+study.objective=loss", "+study.direction=minimize")
    app.study("+x=returns,swallowed,wrapped,goes_on", *pruner, f"+study.isolation={isolation}")
    found = {trial.point.overrides["+x"]: trial.outcome for trial in app.trials() if trial.point}
    for how in ("returns", "swallowed", "wrapped"):
        outcome = found[how]
        assert isinstance(outcome, Pruned) and outcome.values == (5.0,), how
    outcome = found["goes_on"]
    assert isinstance(outcome, Completed) and outcome.values == (6.0,)
