import re
from pathlib import Path
from typing import Any

import pytest
from optuna.pruners import MedianPruner, PatientPruner

from sweeps.errors import StudyError
from sweeps.study.pruning import check_objectives, make_pruner


def test_a_pruner_beside_two_objectives_is_refused() -> None:
    check_objectives((), 1)
    with pytest.raises(StudyError, match=r"one objective; study.objective=\[loss,acc\] has 2. Leave study.pruner out."):
        check_objectives(("loss", "acc"), 2)
    with pytest.raises(StudyError, match=r"one objective; study.direction has 3"):
        check_objectives((), 3)


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
        ({"_target_": "optuna.pruners.MedianPruner", "n_startup_trials": -1}, "cannot be negative"),
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
