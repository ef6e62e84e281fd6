"""Which keys of a configuration are ours, and where they may stand."""

import pytest
from omegaconf import OmegaConf

from sweeps.own_keys import OwnKeys, own_keys


@pytest.mark.parametrize(
    ("config", "seed", "others"),
    [
        ({}, "seed", ()),
        ({"study": {"seed_key": "training.seed", "operational": ["paths"]}}, "training.seed", ("paths",)),
        ({"study": {"operational": "paths"}}, "seed", ("paths",)),
        ({"hydra": {"sweeper": {"study": {"seed_key": "a.b", "operational": ["p", "q"]}}}}, "a.b", ("p", "q")),
        ({"study": {"seed_key": "x"}, "hydra": {"sweeper": {"study": {"seed_key": "y"}}}}, "y", ()),
        ({"study": "cohort-7", "hydra": {"sweeper": {"study": {"seed_key": "y"}}}}, "y", ()),
        ({"runs": {"seed_key": "z"}, "hydra": {"sweeper": {"study_key": "runs"}}}, "z", ()),
    ],
)
def test_settings_of_a_study_are_found_wherever_they_may_stand(
    config: dict[str, object], seed: str, others: tuple[str, ...]
) -> None:
    found = own_keys(OmegaConf.create(config))
    assert (found.seed, found.others) == (seed, others)


@pytest.mark.parametrize(
    ("config", "is_ours"),
    [
        ({}, True),
        ({"study": None}, True),
        ({"study": {}}, True),
        ({"study": {"name": "a", "slots": 2}}, True),
        ({"study": {"objective": "loss", "directon": "minimize"}}, True),  # misspelt
        ({"study": "cohort-7"}, False),
        ({"study": ["a"]}, False),
        ({"study": {"name": "a", "site": 1}}, False),
        ({"study": {"site": 1}}, False),
        ({"study": {"nme": 1}, "hydra": {"overrides": {"task": ["+study.nme=1"]}}}, True),  # typed
    ],
)
def test_a_study_is_ours_by_what_is_in_it(config: dict, is_ours: bool) -> None:
    found = own_keys(OmegaConf.create(config))
    assert found.study == ("study" if is_ours else None)
    assert found.operational == (("hydra", "study", "tracking") if is_ours else ("hydra", "tracking"))


@pytest.mark.parametrize(
    ("override", "is_known_to_trials"),
    [
        ("runs.storage=postgresql://u:pw@h/d", False),
        ("+runs.storage=sqlite:///a.db", False),
        ("++mlflow.uri=http://u:pw@h", False),
        ("hydra.sweeper.study.storage=sqlite:///a.db", False),
        ("hydra/sweeper=sweeps", False),
        ("runs.slots=2", True),
        ("study.storage=attic", True),  # the application's own
        ("tracking.uri=x", True),
        ("runs.storage_class=fast", True),
    ],
)
def test_a_trial_is_told_no_address_of_a_server(override: str, is_known_to_trials: bool) -> None:
    assert OwnKeys(study="runs", tracking="mlflow").is_for_trials(override) is is_known_to_trials


def test_without_a_group_of_ours_no_key_is_an_address() -> None:
    keys = OwnKeys(study=None, tracking=None)
    assert keys.is_for_trials("study.storage=a") and keys.is_for_trials("tracking.uri=a")


def test_an_application_may_say_where_our_keys_are() -> None:
    names = {"study_key": "search", "tracking_key": "mlflow"}
    config = {"hydra": {"sweeper": names}, "study": {"site": 1}, "search": {"operational": ["dirs"], "seed_key": "s.t"}}
    found = own_keys(OmegaConf.create(config))
    assert found.operational == ("hydra", "search", "mlflow", "dirs") and found.seed == "s.t"


def test_what_was_typed_needs_no_value() -> None:
    typed = ["+more={folder: '${paths.nowhere}/x'}", "+study.thing=${nowhere}"]
    config = OmegaConf.create({"study": {"name": "s", "thing": 1}, "hydra": {"overrides": {"task": typed}}})
    assert own_keys(config).study == "study"
