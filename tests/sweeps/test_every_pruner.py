"""What holds of every pruner by its name: on the same sixteen curves it spares steps and never the best trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweeps.choices import PRUNERS
from sweeps.errors import StudyError
from sweeps.study.pruning import make_pruner
from tests.curves import curves, feed

NUM, NUM_STEPS = 16, 9
CURVES = curves(NUM, NUM_STEPS)
BEST = min(range(NUM), key=lambda number: CURVES[number][-1]["loss"])
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "asha": {"min_resource": 1, "reduction_factor": 3},
    "hyperband": {"max_resource": 9},
    "median": {"n_startup_trials": 3},
    "percentile": {"percentile": 40.0, "n_startup_trials": 3},
    "patient": {"wrapped_pruner": "median", "patience": 1},
    "threshold": {"upper": 0.9, "n_warmup_steps": 4},
    "moasha": {},
}
EXPECTED = {
    "asha": (9, 74),
    "hyperband": (6, 96),
    "median": (7, 88),
    "percentile": (8, 87),
    "patient": (3, 141),
    "threshold": (1, 139),
    "moasha": (7, 88),
}
"""Name to the trials that are pruned, of sixteen, and the steps that are run, of 144."""


def test_every_pruner_is_here() -> None:
    assert OPTIONS.keys() | {"wilcoxon"} == PRUNERS.keys()  # that one reads no reports: tests/sweeps/test_paired.py


@pytest.mark.parametrize("name", OPTIONS)
def test_a_pruner_spares_steps_and_not_the_best(name: str, tmp_path: Path) -> None:
    fed = feed(tmp_path, CURVES, {"_target_": name, **OPTIONS[name]})
    assert (len(fed.pruned), fed.num_steps) == EXPECTED[name]
    assert BEST not in fed.pruned and fed.steps[BEST] == NUM_STEPS
    states = [trial.state for trial in fed.study.trials()]
    assert states.count("pruned") == len(fed.pruned) and states.count("completed") == NUM - len(fed.pruned)


@pytest.mark.parametrize("name", PRUNERS)
def test_a_name_alone_is_a_pruner_where_it_needs_no_option(name: str) -> None:
    if name == "threshold":
        with pytest.raises(StudyError, match=r"study\.pruner: Either lower or upper must be specified\.$"):
            make_pruner(name, None)
    else:
        assert type(make_pruner(name, None)).__name__ == PRUNERS[name]["_target_"].rpartition(".")[2]
