import sys
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.outcome import Completed
from sweeps.parsing import parse
from sweeps.study.sampling import check_space, distributions_of, drawer
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.sweeps.test_fuzz import NoGroups

LINE = ["x=interval(-1,1)", "lr=tag(log,interval(0.001,1))", "net=choice(a,b)", "fixed=3"]


def study_at(folder: Path, num_draws: int) -> Study:
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), "s", ["minimize"], {"objective": ["loss"]})
    study.add_draws(num_draws, distributions_of(parse(LINE, {}, NoGroups())))
    return study


def draw_all(study: Study, sampler: Any, seed: int | None = 0, at_most: int = 100) -> list[dict[str, str]]:
    """What a worker draws and completes, at most so many, with a drawer of its own."""
    draw = drawer(parse(LINE, {}, NoGroups()), sampler, seed)
    points = []
    while len(points) < at_most and (claim := study.claim("w", draw)) is not None:
        points.append(claim.point.overrides)
        study.tell(claim, Completed(values=(float(claim.point.overrides["x"]) ** 2,)))
    return points


GENETIC = {"_target_": "optuna.samplers.NSGAIISampler", "population_size": 4, "seed": 3}
MULTIVARIATE = {"_target_": "optuna.samplers.TPESampler", "multivariate": True, "n_startup_trials": 3}


@pytest.mark.parametrize("sampler", ["random", "tpe", GENETIC, MULTIVARIATE], ids=str)
def test_draws_do_not_depend_on_how_the_study_was_cut(tmp_path: Path, sampler: Any) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = draw_all(study_at(tmp_path / "whole", 15), sampler)
    cut = study_at(tmp_path / "cut", 15)
    assert draw_all(cut, sampler, at_most=4) + draw_all(cut, sampler, at_most=7) + draw_all(cut, sampler) == whole
    assert len(whole) == 15 and len({str(point) for point in whole}) == 15


def test_draws_lie_in_their_dimensions_and_keep_what_is_fixed(tmp_path: Path) -> None:
    points = draw_all(study_at(tmp_path, 10), "random")
    assert all(-1 <= float(point["x"]) <= 1 and 0.001 <= float(point["lr"]) <= 1 for point in points)
    assert {point["net"] for point in points} == {"a", "b"} and {point["fixed"] for point in points} == {"3"}


def test_another_seed_draws_other_points(tmp_path: Path) -> None:
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
    first, second = (draw_all(study_at(tmp_path / str(seed), 3), "random", seed) for seed in (0, 1))
    assert first != second


def test_the_options_of_a_sampler_arrive(tmp_path: Path) -> None:
    for name in ("tpe", "late", "seeded"):
        (tmp_path / name).mkdir()
    usual = draw_all(study_at(tmp_path / "tpe", 6), "tpe")
    late = draw_all(study_at(tmp_path / "late", 6), {**MULTIVARIATE, "multivariate": False, "n_startup_trials": 4})
    assert late[:4] == usual[:4] and late[4:] != usual[4:]  # its model takes over after four trials, not after ten
    assert draw_all(study_at(tmp_path / "seeded", 6), {"_target_": "optuna.samplers.RandomSampler", "seed": 0}) == usual


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ({"_target_": "optuna.samplers.TPESampler", "x": 1}, "study.sampler: .*unexpected keyword argument 'x'"),
        ({"_target_": "optuna.pruners.NopPruner"}, "study.sampler: .*'optuna.pruners.NopPruner' is not in the Hydra"),
        ({"_target_": "optuna.samplers.RandomSampler", "_partial_": True}, "is no sampler. Valid: a class of optuna.s"),
        (
            {"seed": 1},
            "study.sampler.seed is an option of a sampler, and no sampler is chosen. Type study/sampler=NAME",
        ),
    ],
    ids=str,
)
def test_what_is_no_sampler_is_refused_before_the_first_draw(sampler: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        drawer(parse(LINE, {}, NoGroups()), sampler, 0, trusted=[])


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_sampler_whose_package_is_missing_is_refused_before_the_first_draw(
    is_nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)  # as if it were not installed
    sampler: dict[str, object] = {"_target_": "optuna.samplers.CmaEsSampler"}
    if is_nested:
        sampler = {"_target_": "optuna.samplers.PartialFixedSampler", "fixed_params": {}, "base_sampler": sampler}
    with pytest.raises(StudyError) as caught:
        drawer(parse(LINE, {}, NoGroups()), sampler, 0, trusted=[])
    assert str(caught.value) == ("study.sampler: CmaEsSampler needs cmaes, which is not installed: pip install cmaes.")


def check(study: Study, *line: str) -> None:
    check_space(parse(list(line), {}, NoGroups()), "s", study.distributions())


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        ("net=choice(a,b,c)", "net=choice(a,b,c): study 's' has net=choice(a,b), and Optuna takes neither"),
        ("net=choice(a)", "study 's' has net=choice(a,b)"),
        ("net=range(1,3)", "net=range(1,2): study 's' has net=choice(a,b)"),
        ("x=range(1,3)", "x=range(1,2): study 's' has x=interval(-1.0,1.0)"),
        ("lr=interval(0.001,1)", "lr=interval(0.001,1.0): study 's' has lr=tag(log, interval(0.001,1.0))"),
    ],
)
def test_what_optuna_would_refuse_is_refused_before(tmp_path: Path, dimension: str, expected: str) -> None:
    study = study_at(tmp_path, 2)
    draw_all(study, "random")
    with pytest.raises(StudyError) as error:
        check(study, dimension)
    assert expected in str(error.value) and str(error.value).endswith("Use another study.name.")


def test_what_optuna_takes_is_not_refused(tmp_path: Path) -> None:
    study = study_at(tmp_path, 2)
    draw_all(study, "random")
    check(study, "net=choice(a,b)", "x=interval(-5,5)", "lr=tag(log,interval(0.1,2))", "new=choice(1,2)")
