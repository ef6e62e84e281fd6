import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from optuna.pruners import MedianPruner, PatientPruner

from sweeps.checked import study_settings
from sweeps.errors import StudyError
from sweeps.settings import StudySettings
from sweeps.space import Axis, Space
from sweeps.study.pruning import check_pruner, judged_by, make_pruner


def settings(**given: Any) -> StudySettings:
    return study_settings(OmegaConf.create({"study": given}))


GRID = Space(fixed={}, operational=(), axes=(Axis(key="seed", values=("0", "1", "2"), text="seed=0,1,2"),))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"objective": ["loss", "acc"]},
            "compares one number, and there are 2: loss, acc. study.pruner=moasha compares",
        ),
        ({"direction": ["minimize"] * 3}, "study.pruner=median judges a metric that trials report, and none is named."),
        (
            {"direction": ["minimize"] * 3, "prune_by": {"loss": "minimize"}},
            "study.pruner=median compares one number, and there are 3 directions.",
        ),
        (
            {"objective": "loss", "prune_by": ["loss", "acc"]},
            "study.prune_by=acc is no objective, so it needs a direct",
        ),
        (
            {"objective": "loss", "prune_by": {"acc": "up"}},
            "study.prune_by.acc=up is unknown. Known: maximize, minimiz",
        ),
        ({}, "study.objective=METRIC names it, or study.prune_by=METRIC."),
        (
            {"objective": "loss", "pruner": {"_target_": "median", "n_startup": 3}},
            "unexpected keyword argument 'n_start",
        ),
        ({"pruner": "wilcoxon"}, "needs 4 of them to tell (p_threshold=0.1), and there are 3. study.replicates=5 or"),
        ({"pruner": "wilcoxon", "replicates": 4}, "and there are 4. study.replicates=5 or more."),
        ({"pruner": {"_target_": "wilcoxon", "p_threshold": 0.0}}, "study.pruner.p_threshold=0.0 is never reached."),
        ({"pruner": "wilcoxon", "objective": ["a", "b"]}, "study.pruner=wilcoxon compares one number, and there are 2"),
        (
            {"pruner": {"_target_": "patient", "wrapped_pruner": "wilcoxon"}, "objective": "loss"},
            "study.pruner=patient: wilcoxon compares replicates, not reports, so nothing can wrap it.",
        ),
    ],
    ids=str,
)
def test_a_pruner_that_could_stop_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        check_pruner(settings(**{"pruner": "median", **given}), GRID, ())
    assert message in str(caught.value)


def test_a_pruner_that_can_is_not() -> None:
    check_pruner(settings(pruner="median", objective="loss"), GRID, ())
    check_pruner(settings(pruner="median", prune_by="loss"), GRID, ())
    check_pruner(settings(pruner="moasha", objective=["loss", "acc"]), GRID, ())
    check_pruner(settings(pruner="wilcoxon", replicates=5), GRID, ())
    check_pruner(settings(pruner={"_target_": "wilcoxon", "p_threshold": 0.3}), GRID, ())  # three seeds are swept


def test_what_is_judged_is_said_or_is_the_objective() -> None:
    assert judged_by(settings(objective="acc", direction="maximize")) == {"acc": "maximize"}
    assert judged_by(settings(objective=["a", "b"])) == {"a": "minimize", "b": "minimize"}
    assert judged_by(settings(objective=["a", "b"], direction=["minimize", "maximize"], prune_by="b")) == {
        "b": "maximize"
    }
    assert judged_by(settings(objective="acc", prune_by={"val/loss": "minimize"})) == {"val/loss": "minimize"}
    assert judged_by(settings(direction="maximize", prune_by="acc")) == {"acc": "maximize"}
    assert judged_by(settings()) == {}


def test_a_pruner_of_optunas_is_made() -> None:
    median = {"_target_": "optuna.pruners.MedianPruner"}
    assert isinstance(make_pruner(median, ()), MedianPruner)
    assert isinstance(
        make_pruner({"_target_": "optuna.pruners.PatientPruner", "wrapped_pruner": median, "patience": 1}, ()),
        PatientPruner,
    )


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (
            {"_target_": "os.system", "_args_": ["touch canary"]},
            "'os.system' (cannot be authorized|is not in)",
        ),
        ({"_target_": "sweeps.study.pruning.optuna.load_study", "_args_": ["s"]}, "is not in the Hydra execution whi"),
        ({"_target_": "pathlib.Path.touch", "_args_": ["canary"]}, "is not in the Hydra execution whitelist"),
        ({"_target_": "optuna.pruners.MedianPruner", "nope": 1}, "unexpected keyword argument 'nope'"),
        (
            {
                "_target_": "optuna.pruners.PatientPruner",
                "patience": 1,
                "wrapped_pruner": {"_target_": "builtins.exec"},
            },
            "'builtins.exec' (cannot be authorized|is not in)",
        ),
    ],
)
def test_what_is_none_is_refused_in_one_line(
    node: dict[str, Any], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"study\.pruner: ") as caught:
        make_pruner(node, ())
    assert re.search(text, str(caught.value)) and "\n" not in str(caught.value) and not any(tmp_path.iterdir())


class Patient(MedianPruner):
    """A pruner of the application's own."""


def test_an_application_without_a_list_trusts_what_is_typed_and_not_what_a_database_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = {"_target_": f"{__name__}.Patient"}
    assert type(make_pruner(own, None)) is Patient and type(make_pruner(own, [f"{__name__}.Patient"])) is Patient
    monkeypatch.setenv("SWEEPS_STORED_COMMAND", "1")
    with pytest.raises(StudyError, match="is not in the Hydra execution whitelist"):
        make_pruner(own, None)
    assert isinstance(make_pruner({"_target_": "optuna.pruners.MedianPruner"}, None), MedianPruner)
