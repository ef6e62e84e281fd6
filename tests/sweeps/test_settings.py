import re
from dataclasses import fields

import pytest
import yaml
from omegaconf import OmegaConf

from sweeps.checked import study_settings, tracking_settings
from sweeps.errors import StudyError
from sweeps.settings import StudySettings, TrackingSettings, default_storage, tracking_uri
from tests.conftest import REPOSITORY


def read(**study: object) -> StudySettings:
    return study_settings(OmegaConf.create({"study": study}))


def test_without_a_group_all_is_as_usual() -> None:
    assert study_settings(OmegaConf.create({})) == StudySettings()


def test_our_applications_group_has_every_key_and_its_usual_value() -> None:
    """A study key stands in the dataclass and in this file, and nowhere else."""
    text = (REPOSITORY / "configs" / "study" / "default.yaml").read_text()
    given = yaml.safe_load(text)
    usual = StudySettings()
    assert list(given) == [field.name for field in fields(StudySettings)]
    # What only the application knows.
    own = {"storage", "directory", "objective", "direction", "seed", "operational", "ratios", "implied", "scales"}
    own |= {"fusion", "preload"}
    assert {key: value for key, value in given.items() if key not in own} == {
        key: getattr(usual, key) for key in given if key not in own
    }


@pytest.mark.parametrize(("group", "schema"), [("study", StudySettings), ("tracking", TrackingSettings)])
def test_the_group_of_any_application_explains_every_key_and_sets_none(
    group: str, schema: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    text = (REPOSITORY / "sweeps" / "conf" / group / "sweeps.yaml").read_text()
    groups = [{"sampler": None}, {"pruner": None}] if group == "study" else []
    assert yaml.safe_load(text) == {"defaults": ["/_sweeps_open@_here_", *groups, "_self_"]}
    lines = [line for line in text.splitlines() if re.match(r"# \w+: ", line)]
    assert all(re.match(r"# \w+: .*\S +# \S+ \S+", line) for line in lines)  # each key has its comment
    given = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines))
    usual = schema()
    assert list(given) == [field.name for field in fields(schema)]
    assert given == {key: getattr(usual, key) for key in given}


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"slot": 2}, "study.slot does not exist. Known here: name, storage,"),
        (
            {"sampler": "tpee"},
            "study.sampler=tpee is unknown."
            " Known: auto, grid, random, tpe, gp, cmaes, nsgaii, nsgaiii, qmc, brute. Did you mean 'tpe'?",
        ),
        ({"direction": []}, "study.direction=[] names no direction. Known: maximize, minimize."),
        ({"direction": "up"}, "study.direction=up is unknown. Known: maximize, minimize."),
        (
            {"objective": ["a", "b"], "direction": ["minimize"] * 3},
            "study.direction=['minimize', 'minimize', 'minimize'] names 3 directions for 2 objectives.",
        ),
        ({"n_trials": 0}, "study.n_trials=0 must be a finite number of at least 1."),
        ({"replicates": 0}, "study.replicates=0 must be a finite number of at least 1."),
        ({"max_retries": -1}, "study.max_retries=-1 must be a finite number of at least 0."),
        ({"lease_s": 0.5}, "study.lease_s=0.5 must be a finite number of at least 1."),
        ({"stop_grace_s": float("inf")}, "study.stop_grace_s=inf must be a finite number of at least 0."),
        ({"trial_memory_gb": float("nan")}, "study.trial_memory_gb=nan must be a finite number of at least 0.1."),
        ({"slots": 0}, "study.slots=0 must be auto or a whole number of at least 1."),
        ({"slots": "many"}, "study.slots=many must be auto or a whole number of at least 1."),
        ({"name": "a/b"}, "study.name='a/b' must be usable as a folder name: no slash, no leading dot."),
        ({"name": "a\udcff"}, "study.name='a\\udcff' must be text in UTF-8."),
        ({"name": " "}, "study.name=' ' must be usable as a folder name: no slash, no leading dot."),
        ({"n_trials": "some"}, "study.n_trials: Value 'some' of type 'str' could not be converted to Integer"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line(study: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        read(**study)
    assert str(caught.value).startswith(message)


def taken(sweeper: dict[str, object], **study: object) -> StudySettings:
    return study_settings(OmegaConf.create({"study": study, "hydra": {"sweeper": sweeper}}))


def test_a_text_in_place_of_the_settings_is_refused_where_the_application_chooses_them() -> None:
    typed = {"task": ["x=1", "study=sweps"]}
    chosen = {"hydra": {"runtime": {"choices": {"study": "sweeps"}}, "overrides": typed}, "study": "sweps"}
    with pytest.raises(StudyError) as refused:
        study_settings(OmegaConf.create(chosen), None)
    assert str(refused.value) == (
        "study=sweps would replace all settings of study by a text. Valid: study.KEY=VALUE, such as study.name=sweps."
    )
    # One of its own that has a text there goes by other keys.
    assert study_settings(OmegaConf.create({"study": "of birds"}), None).name is None
    assert study_settings(OmegaConf.create({**chosen, "study": "of an option"}), None).name is None


def test_keys_of_the_stock_sweeper_are_settings() -> None:
    sampler = {"_target_": "optuna.samplers.TPESampler", "multivariate": True}
    found = taken(
        {"study_name": "s", "direction": ["minimize", "maximize"], "n_trials": 3, "n_jobs": 2, "sampler": sampler}
    )
    assert (found.name, found.directions, found.n_trials, found.slots) == ("s", ("minimize", "maximize"), 3, 2)
    assert found.sampler == sampler
    assert taken({"n_jobs": -1}).slots == "auto" and taken({"storage": "sqlite:///a.db"}).storage_url.endswith("a.db")
    assert taken({"study_name": None, "storage": None, "n_trials": None}) == read()


def test_without_a_sampler_theirs_draws_and_a_grid_is_asked_for() -> None:
    assert taken({"n_trials": 3}).sampler == {"_target_": "optuna.samplers.TPESampler"}
    assert taken({}).sampler == "auto"
    grid = {"_target_": "optuna.samplers.GridSampler", "_partial_": True}
    assert taken({"n_trials": 3, "sampler": grid}).sampler == "grid" == taken({"n_trials": 3}, sampler="grid").sampler


@pytest.mark.parametrize(
    ("sweeper", "study", "message"),
    [
        ({"n_trials": 3}, {"n_trials": 4}, "hydra.sweeper.n_trials=3 and study.n_trials=4 are one setting with two"),
        ({"direction": "minimize"}, {"direction": "maximize"}, "hydra.sweeper.direction=minimize and study.direction"),
        ({"n_trials": "x"}, {}, "hydra.sweeper.n_trials: Value 'x' of type 'str' could not be converted to Integer"),
        ({"n_jobs": 0}, {}, "study.slots=0 must be auto or a whole number of at least 1."),
    ],
    ids=str,
)
def test_two_values_of_one_setting_are_refused(sweeper: dict[str, object], study: object, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        taken(sweeper, **study)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)
    assert taken({"n_trials": 3, "direction": "minimize"}, n_trials=3, direction=None).directions == ("minimize",)


def test_one_direction_is_that_of_all_objectives() -> None:
    assert read(objective=["a", "b"], direction="minimize").directions == ("minimize", "minimize")
    assert read(objective=["a", "b"], direction=["minimize", "maximize"]).directions == ("minimize", "maximize")
    assert read(objective="a").directions == read().directions == ()
    assert read(objective=None).objectives == () and read(objective="a").objectives == ("a",)


def test_the_storage_is_the_key_else_the_environment_else_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEPS_STORAGE", raising=False)
    assert read(directory="d").storage_url == "sqlite:///d/studies.db" and default_storage() == read().storage_url
    monkeypatch.setenv("SWEEPS_STORAGE", "sqlite:///e.db")
    assert read(directory="d").storage_url == "sqlite:///e.db"
    assert read(storage="sqlite:///k.db").storage_url == "sqlite:///k.db"


def test_tracking_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri() == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://h:5000")
    assert tracking_settings(OmegaConf.create({})).uri == "http://h:5000"
    with pytest.raises(StudyError, match=r"tracking\.urri does not exist.*Did you mean 'uri'"):
        tracking_settings(OmegaConf.create({"tracking": {"urri": "x"}}))
