"""Samplers and pruners by their names: as a word, as an option of a group, and as Hydra's own sweeper has them."""

import inspect
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from sweeps.checked import study_settings
from sweeps.choices import NAMED, PRUNERS, SAMPLERS, resolved
from sweeps.errors import StudyError
from sweeps.settings import StudySettings
from tests.conftest import REPOSITORY
from trainer_pkg.models import register_models

FAKE = REPOSITORY / "tests" / "fakes" / "conf"


def composed(*overrides: str, folder: Path = FAKE, name: str = "app") -> DictConfig:
    with initialize_config_dir(str(folder)):
        return compose(name, list(overrides), return_hydra_config=True)


def read(*overrides: str, **where: Any) -> StudySettings:
    config = composed(*overrides, **where)
    if "study" in config:  # needs a running job
        config.study.directory = "studies"
    return study_settings(config)


@pytest.mark.parametrize("kind", ["sampler", "pruner"])
def test_each_name_is_a_word_an_option_of_a_group_and_an_option_below_the_sweeper(kind: str) -> None:
    for name, node in NAMED[kind].items():
        found = [getattr(read(typed), kind) for typed in (f"study.{kind}={name}", f"study/{kind}={name}")]
        expected = name if name in ("auto", "grid") else dict(node)
        assert found == [expected] * 2 and resolved(kind, dict(node)) == expected
        if name != "auto":  # what a study has anyway
            assert getattr(read(f"hydra/sweeper/{kind}={name}"), kind) == expected


def test_each_name_is_a_class_of_optunas_or_of_ours_and_all_of_optunas_have_one() -> None:
    for kind, base in (("sampler", optuna.samplers.BaseSampler), ("pruner", optuna.pruners.BasePruner)):
        targets = {node["_target_"] for node in NAMED[kind].values()} - {"auto", "grid"}
        for target in targets:
            module, _, name = target.rpartition(".")
            assert inspect.isclass(getattr(import_module(module), name)), target
        module = getattr(optuna, f"{kind}s")
        theirs = {f"optuna.{kind}s.{name}" for name in module.__all__ if inspect.isclass(getattr(module, name))}
        assert all(issubclass(getattr(module, target.rpartition(".")[2]), base) for target in targets & theirs)
        named_otherwise = {"NopPruner", "GridSampler", "PartialFixedSampler", "BaseGASampler", base.__name__}
        assert {target.rpartition(".")[2] for target in theirs - targets} <= named_otherwise


def test_an_option_follows_its_group_and_what_is_not_set_is_not_passed() -> None:
    settings = read(
        "study/pruner=asha", "study.pruner.reduction_factor=4", "study/sampler=tpe", "study.sampler.n_startup_trials=5"
    )
    assert settings.pruner == {**PRUNERS["asha"], "reduction_factor": 4}
    assert settings.sampler == {**SAMPLERS["tpe"], "n_startup_trials": 5}
    nested = read("study/pruner=patient", "study.pruner.wrapped_pruner=median", "study.pruner.patience=1")
    assert nested.pruner == {**PRUNERS["patient"], "wrapped_pruner": PRUNERS["median"], "patience": 1}
    short = read("study.pruner={_target_: asha, min_resource: 2}")
    assert short.pruner == {**PRUNERS["asha"], "min_resource": 2}


def test_hydras_own_group_gives_the_options_that_were_set_and_leaves_the_rest_to_optuna() -> None:
    Plugins.instance()  # which brings the nodes of the stock sweeper
    assert "hydra_optuna_sweeper" in str(ConfigStore.instance().load("hydra/sweeper/sampler/tpe.yaml").node._metadata)
    line = ["hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.seed=3", "hydra.sweeper.sampler.constant_liar=false"]
    settings = read(*line, "hydra.sweeper.n_trials=7", "hydra.sweeper.study_name=s", "hydra.sweeper.n_jobs=2")
    # Its node also says `multivariate: false`, which Optuna 5 has otherwise; nobody has typed that.
    assert settings.sampler == {**SAMPLERS["tpe"], "seed": 3, "constant_liar": False}
    assert (settings.n_trials, settings.name, settings.slots) == (7, "s", 2)
    # Its node is a function of that sweeper, which fills in what differs between versions of Optuna.
    assert read("hydra/sweeper/sampler=nsgaii").sampler == SAMPLERS["nsgaii"]
    assert read("hydra/sweeper/pruner=asha", "hydra.sweeper.pruner.reduction_factor=2").pruner == {
        **PRUNERS["asha"],
        "reduction_factor": 2,
    }


@pytest.mark.parametrize(
    ("kind", "word", "message"),
    [
        ("pruner", "asah", "Did you mean 'asha'?"),
        ("pruner", "SuccessiveHalvingPruner", "Did you mean 'asha'?"),
        ("pruner", "MedianPruner", "Did you mean 'median'?"),
        ("pruner", "xyz", "Any other: study.pruner={_target_: optuna.pruners.NAME}."),
        ("sampler", "nsga-2", "Did you mean 'nsgaii'?"),
        ("sampler", "cma", "Did you mean 'cmaes'?"),
        ("sampler", "motpe", "Did you mean 'tpe'?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(kind: str, word: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        resolved(kind, word)
    known = ", ".join(NAMED[kind])
    assert str(caught.value) == f"study.{kind}={word} is unknown. Known: {known}. {message}"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["study/pruner=asha", "study.pruner=median"],
            "study/pruner=asha chooses a pruner, and study.pruner=median ",
        ),
        (["study/pruner=asha", "study.pruner=null"], "and study.pruner=null another one. Leave one of them out."),
        (
            ["hydra/sweeper/pruner=asha", "study/pruner=median"],
            "hydra.sweeper.pruner=asha and study.pruner=median are one setting with two values.",
        ),
        (["study/sampler=grid", "+study.sampler.seeds=1"], "study.sampler.seeds: grid has no options."),
    ],
    ids=" ".join,
)
def test_two_choices_at_once_are_refused(typed: Sequence[str], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        read(*typed)
    assert message in str(caught.value)


def test_an_application_keeps_its_own_text_and_its_own_group_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The trainer has options of its own below that group, and other tests of this process may have stored them.
    monkeypatch.delitem(ConfigStore.instance().repo, "study", raising=False)
    (tmp_path / "text.yaml").write_text("study: a\n")
    assert composed("study=b", folder=tmp_path, name="text").study == "b"
    own = tmp_path / "study" / "pruner"
    own.mkdir(parents=True)
    (own / "asha.yaml").write_text("limbs: 4\n")
    (tmp_path / "tree.yaml").write_text("defaults:\n  - study/pruner: asha\nstudy:\n  height: 3\n")
    assert composed(folder=tmp_path, name="tree").study == {"height": 3, "pruner": {"limbs": 4}}


def test_a_template_that_chooses_a_sampler_gives_way_to_the_command_line() -> None:
    train = REPOSITORY / "configs"
    register_models()
    config = composed("hparams_search=optuna", "study/sampler=cmaes", folder=train, name="train")
    assert config.study.sampler == SAMPLERS["cmaes"] and config.study.n_trials == 20
    assert composed("hparams_search=optuna", folder=train, name="train").study.sampler == SAMPLERS["tpe"]
