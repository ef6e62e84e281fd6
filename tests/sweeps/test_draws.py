"""What a sampler draws: each point once, with all its seeds, and told the mean of what they reach."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import optuna
import pytest
import sqlalchemy as sa

from sweeps.conditions import with_rules
from sweeps.corners import samples
from sweeps.errors import StudyError
from sweeps.outcome import Completed, Failed, Pruned
from sweeps.parsing import parse
from sweeps.rules import Rules
from sweeps.seeds import replicated, with_swept_seeds
from sweeps.settings import StudySettings
from sweeps.space import Point, Space
from sweeps.study.records import Claim
from sweeps.study.sampling import distributions_of, drawer
from sweeps.study.schema import rows
from sweeps.study.seen import Seen
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.warm import learned_from
from sweeps.values import canonical, digest
from tests.sweeps.test_fuzz import NoGroups

Value = Callable[[Point], float]


def identify(point: Point) -> Point:
    """As the fingerprints of an application whose only seed is `seed`."""
    of = {key: canonical(key, text) for key, text in point.overrides.items()}
    rest = {key: value for key, value in of.items() if key != "seed"}
    return replace(point, identity=digest({"seed": 0, **of}), cell=digest(rest))


def space_of(*line: str, seeds: int = 1, **rules: Any) -> Space:
    space = with_rules(parse(list(line), {}, NoGroups()), StudySettings(**rules))
    return replicated(space, seeds, 0, is_drawn=True)


def study_in(folder: Path, space: Space, num_draws: int, directions: tuple[str, ...] = ("minimize",)) -> Study:
    folder.mkdir(parents=True, exist_ok=True)
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), "s", list(directions), {"seed_key": "seed"})
    study.add_draws(num_draws, distributions_of(space), len(space.seeds.values) if space.seeds else 1)
    return study


def run(study: Study, space: Space, sampler: Any, value: Value, at_most: int = 1000, **more: Any) -> list[Claim]:
    """What a worker draws and completes, at most so many, with a drawer of its own."""
    draws = drawer(space, sampler, 0, identify, **more)
    claims: list[Claim] = []
    while len(claims) < at_most and (claim := study.claim("w", draws)) is not None:
        claims.append(claim)
        assert study.tell(claim, Completed(values=(value(claim.point),)))
    return claims


def overrides(study: Study) -> list[dict[str, str]]:
    return [trial.point.overrides for trial in study.trials() if trial.point]


def x_of(point: Point) -> float:
    return float(point.overrides["x"])


SAMPLERS = {
    "random": "random",
    "tpe": "tpe",
    "cmaes": {"_target_": "optuna.samplers.CmaEsSampler", "warn_independent_sampling": False},
    "gp": {"_target_": "optuna.samplers.GPSampler", "n_startup_trials": 5},
    "nsgaii": {"_target_": "optuna.samplers.NSGAIISampler", "population_size": 5},
    "nsgaiii": {"_target_": "optuna.samplers.NSGAIIISampler", "population_size": 5},
    "qmc": {"_target_": "optuna.samplers.QMCSampler", "warn_independent_sampling": False},
    "brute": {"_target_": "optuna.samplers.BruteForceSampler"},
}
LINES = {
    "interval": ["x=interval(0,6)"],
    "choice": ["x=choice(1,2,3,4,5,6,7)", "kind=choice(a,b,c)"],
    "whole numbers": ["x=int(interval(1,40))"],
    "range beside an interval": ["x=range(0,30)", "lr=tag(log, interval(0.001,1))"],
}
KINDS = [(name, line) for name in SAMPLERS for line in LINES if name != "brute" or line in ("choice", "whole numbers")]


@pytest.mark.parametrize(("sampler", "line"), KINDS)
def test_each_sampler_draws_twenty_points_and_none_twice(sampler: str, line: str, tmp_path: Path) -> None:
    space = space_of(*LINES[line])
    study = study_in(tmp_path, space, 20)
    run(study, space, SAMPLERS[sampler], x_of)
    identities = {trial.point.identity for trial in study.trials() if trial.point}
    assert len(study.trials()) == len(identities) == 20
    assert {trial.state for trial in study.trials()} == {"completed"}


def test_a_point_is_drawn_once_and_trained_with_each_seed(tmp_path: Path) -> None:
    space = space_of("x=interval(0.5,6)", seeds=3)
    study = study_in(tmp_path, space, 5)
    run(study, space, "tpe", x_of)
    found = overrides(study)
    assert len(found) == 15 and [point["seed"] for point in found] == ["0", "1", "2"] * 5
    assert [point["x"] for point in found[::3]] == [point["x"] for point in found[1::3]]
    assert [point["x"] for point in found[::3]] == [point["x"] for point in found[2::3]]
    assert len({point["x"] for point in found}) == 5
    assert len({trial.point.cell for trial in study.trials() if trial.point}) == 5


def test_the_sampler_is_told_the_mean_of_the_seeds_once_all_have_ended(tmp_path: Path) -> None:
    space = space_of("x=interval(0,1)", seeds=3)
    study = study_in(tmp_path, space, 3)
    draws = drawer(space, "random", 0, identify)
    seen = Seen(space, distributions_of(space), identify)

    def view() -> list[tuple[str, list[float] | None]]:
        trials = seen.study([optuna.study.StudyDirection.MINIMIZE], study._ledger.rows()).get_trials()
        return [(trial.state.name, trial.values) for trial in trials]

    first = study.claim("w", draws)
    assert first is not None and view() == [("RUNNING", None)]
    assert study.tell(first, Completed(values=(1.0,))) and view() == [("RUNNING", None)]
    for outcome in (Failed(cause="error", detail="no"), Completed(values=(4.0,))):
        claim = study.claim("w", draws)
        assert claim is not None and study.tell(claim, outcome)
    assert view() == [("COMPLETE", [2.5])]  # of the two that have a result
    for outcome in (Pruned(values=(7.0,)), Failed(cause="error", detail="no"), Pruned(values=(9.0,))):
        claim = study.claim("w", draws)
        assert claim is not None and study.tell(claim, outcome)
    assert view() == [("COMPLETE", [2.5]), ("PRUNED", [8.0])]
    for _ in range(3):
        claim = study.claim("w", draws)
        assert claim is not None and study.tell(claim, Failed(cause="error", detail="no"))
    assert view()[2] == ("FAIL", None)


def test_of_a_point_of_which_a_seed_was_skipped_the_others_count(tmp_path: Path) -> None:
    space = space_of("x=interval(0,1)", seeds=2)
    study = study_in(tmp_path, space, 2)
    draws = drawer(space, "random", 0, identify)
    first = study.claim("w", draws)
    assert first is not None and study.tell(first, Completed(values=(1.0,)))
    second = study.claim("w", draws)
    assert second is not None
    for number in (1, 2, 3):
        study.skipping.skip(number, "the test")
    trials = Seen(space, distributions_of(space), identify).study(study._optuna.directions, study._ledger.rows())
    assert [(trial.state.name, trial.values) for trial in trials.get_trials()] == [("COMPLETE", [1.0])]


def test_more_seeds_are_added_to_the_points_that_were_drawn(tmp_path: Path) -> None:
    once = space_of("x=interval(0,1)")
    study = study_in(tmp_path, once, 4)
    run(study, once, "random", x_of)
    before = [point["x"] for point in overrides(study)]
    thrice = space_of("x=interval(0,1)", seeds=3)
    assert study.add_draws(4, distributions_of(thrice), 3) == 8
    run(study, thrice, "random", x_of)
    new = overrides(study)[4:]
    assert [point["seed"] for point in new] == ["1", "2"] * 4
    assert [point["x"] for point in new] == [x for x in before for _ in range(2)]


def test_a_space_that_has_an_end_is_drawn_to_it_and_no_further(tmp_path: Path) -> None:
    space = space_of("x=1,2,3,4")
    for sampler in ("tpe", "random", SAMPLERS["nsgaii"], SAMPLERS["brute"]):
        study = study_in(tmp_path / str(sampler)[-30:-2], space, 12)
        run(study, space, sampler, x_of)
        assert sorted(point["x"] for point in overrides(study)) == ["1", "2", "3", "4"], sampler
        assert study.is_finished() and study.counts() == {"open": 0, "running": 0, "done": 4}


def test_a_draw_equal_to_a_point_of_a_grid_is_not_trained_again(tmp_path: Path) -> None:
    space = space_of("x=int(interval(1,5))")
    study = study_in(tmp_path, space, 0)
    study.add([identify(Point(overrides={"x": x}, varied=("x",))) for x in ("2", "4")])
    run(study, space, "random", x_of)
    study.add_draws(9, distributions_of(space))
    run(study, space, "random", x_of)
    assert sorted(point["x"] for point in overrides(study)) == ["1", "2", "3", "4", "5"]


def test_a_sampler_learns_from_the_grid_of_its_study(tmp_path: Path) -> None:
    space = space_of("x=interval(0,6)", "kind=a")
    study = study_in(tmp_path, space, 0)
    grid = [{"x": "1", "kind": "a"}, {"x": "2.5", "kind": "a"}, {"x": "7", "kind": "a"}, {"x": "2", "kind": "b"}]
    study.add([identify(Point(overrides=point, varied=("x",))) for point in grid])
    run(study, space, "random", x_of)
    seen = Seen(space, distributions_of(space), identify).study(
        [optuna.study.StudyDirection.MINIMIZE], study._ledger.rows()
    )
    # The third lies outside of what is searched, and the fourth is another problem.
    assert [(trial.params, trial.value) for trial in seen.get_trials()] == [({"x": 1.0}, 1.0), ({"x": 2.5}, 2.5)]


def claimed_together(study: Study, space: Space, url: str, num: int) -> list[Claim]:
    """What workers get that ask at the same moment."""
    barrier, claims = Barrier(num), list[Claim]()

    def work(number: int) -> None:
        own = Study(Database(url), study.name)
        draws = drawer(space, "random", number, identify)  # each would draw another point
        barrier.wait()
        claim = own.claim(f"w{number}", draws)
        if claim is not None:
            claims.append(claim)
        own.database.engine.dispose()

    threads = [Thread(target=work, args=(number,)) for number in range(num)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return claims


def test_workers_that_draw_one_point_at_the_same_moment_agree_on_it(storage_url: str) -> None:
    space = space_of("x=interval(0,1)", seeds=6)
    study = Study.create(Database(storage_url), "s", ["minimize"], {"seed_key": "seed"})
    study.add_draws(1, distributions_of(space), 6)
    claims = claimed_together(study, space, storage_url, 6)
    assert sorted(claim.point.overrides["seed"] for claim in claims) == list("012345")
    assert len({claim.point.overrides["x"] for claim in claims}) == 1
    study.database.engine.dispose()


def test_workers_that_draw_the_last_points_at_the_same_moment_share_them(storage_url: str) -> None:
    space = space_of("x=1,2,3,4")
    study = Study.create(Database(storage_url), "s", ["minimize"], {"seed_key": "seed"})
    study.add_draws(6, distributions_of(space))
    claims = claimed_together(study, space, storage_url, 6)
    assert sorted(claim.point.overrides["x"] for claim in claims) == ["1", "2", "3", "4"]
    with study.database.engine.connect() as connection:
        keys = connection.execute(sa.select(rows.c.key)).scalars().all()
    assert len(keys) == len(set(keys)) == 4
    study.database.engine.dispose()


def bowl(point: Point) -> float:
    return sum((float(point.overrides[key]) - 0.7) ** 2 for key in "xyz")


CMAES = {"_target_": "optuna.samplers.CmaEsSampler", "n_startup_trials": 1, "warn_independent_sampling": False}
GENETIC = {"_target_": "optuna.samplers.NSGAIISampler", "population_size": 10}


def alone(sampler: Any, num: int) -> float:
    """What the same sampler reaches in one process of Optuna's own."""
    kind = getattr(optuna.samplers, sampler["_target_"].rpartition(".")[2])
    study = optuna.create_study(sampler=kind(seed=0, **{k: v for k, v in sampler.items() if k != "_target_"}))
    study.optimize(lambda trial: sum((trial.suggest_float(key, -5, 5) - 0.7) ** 2 for key in "xyz"), n_trials=num)
    return study.best_value


@pytest.mark.parametrize("sampler", [CMAES, GENETIC], ids=["cmaes", "nsgaii"])
def test_what_a_sampler_knows_survives_its_workers(sampler: Any, tmp_path: Path) -> None:
    pytest.importorskip("cmaes")
    space = space_of(*(f"{key}=interval(-5,5)" for key in "xyz"))
    study = study_in(tmp_path, space, 150)
    while run(study, space, sampler, bowl, at_most=7):  # a worker ends, and another one begins
        pass
    results = [trial.outcome.values[0] for trial in study.trials() if isinstance(trial.outcome, Completed)]
    assert len(results) == 150
    if sampler is CMAES:  # it narrows: nothing of its model was lost
        assert min(results) < max(3 * alone(sampler, 150), 1e-3)
    else:
        assert sum(results[-50:]) < 0.8 * sum(results[:50]) and min(results) < max(4 * alone(sampler, 150), 0.3)


def test_a_key_that_only_some_points_need_is_in_no_other(tmp_path: Path) -> None:
    when = {"depth": {"model": ["vit", "cnn"]}, "heads": {"depth": 2}}
    space = space_of("heads=choice(4,8)", "depth=choice(1,2)", "model=choice(dense,vit,cnn)", when=when)
    keys = {tuple(sorted(point.overrides)) for point in space.grid()}
    assert keys == {("model",), ("depth", "model"), ("depth", "heads", "model")}
    grid = {identify(point).identity for point in space.grid()}
    assert len(grid) == 1 + 2 * (1 + 2)
    study = study_in(tmp_path, space, 20)
    run(study, space, "tpe", lambda point: len(point.overrides))
    assert {trial.point.identity for trial in study.trials() if trial.point} == grid  # each, and none twice


def test_the_sampler_sees_what_a_point_has_of_a_conditional_space(tmp_path: Path) -> None:
    space = space_of("model=choice(dense,vit)", "depth=interval(1,9)", when={"depth": {"model": "vit"}})
    study = study_in(tmp_path, space, 20)
    run(study, space, "tpe", lambda point: float(point.overrides.get("depth", 4)))
    trials = Seen(space, distributions_of(space), identify).study(study._optuna.directions, study._ledger.rows())
    found = {tuple(trial.params) for trial in trials.get_trials()}
    assert found == {("model",), ("model", "depth")} and len(trials.get_trials()) == len(study.trials())
    assert sum("depth" not in point for point in overrides(study)) == 1  # of dense there is one point


def test_constraints_leave_points_out(tmp_path: Path) -> None:
    rules = ["m.width % m.heads == 0 and m.width >= 8", "key('m/kind') in ['a', 'b'] or m.heads == 1"]
    space = space_of("m.width=range(6,13)", "m.heads=1,2,4", "m/kind=a,c", constraints=rules)
    found = [(p.overrides["m.width"], p.overrides["m.heads"], p.overrides["m/kind"]) for p in space.grid()]
    assert len(found) == 5 + 3 + 2 + 5 and ("12", "4", "a") in found and ("12", "4", "c") not in found
    study = study_in(tmp_path, space, 100)
    run(study, space, "tpe", lambda point: float(point.overrides["m.width"]))
    drawn = {(p["m.width"], p["m.heads"], p["m/kind"]) for p in overrides(study)}
    assert drawn == set(found)


def test_a_function_decides_what_yaml_cannot_say() -> None:
    spec = {"_target_": "hydra.utils.get_method", "path": "tests.sweeps.test_draws.is_odd"}
    assert [point.overrides["x"] for point in space_of("x=1,2,3", constraints=[spec]).grid()] == ["1", "3"]


def is_odd(values: dict[str, Any]) -> bool:
    return bool(values["x"] % 2)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"when": {"dept": {"model": "vit"}}}, "study.when.dept names dept, which the line neither sweeps nor sets"),
        ({"when": {"depth": {"modl": "vit"}}}, "study.when.depth names modl, .* Known here: model"),
        (
            {"when": {"depth": {"model": "vitt"}}},
            "study.when.depth.model=vitt is no value of model=.* Known: .*vit",
        ),
        ({"when": {"depth": {"model": "vit"}, "model": {"depth": 1}}}, "study.when.depth depends on itself: depth, mo"),
        ({"when": ["depth"]}, r"study.when=\['depth'\] must be a mapping"),
        ({"constraints": ["depth <"]}, r"study.constraints\[0\]: 'depth <' is no expression"),
        ({"constraints": ["dept < 3"]}, r"study.constraints\[0\] names dept, .* Known here: .*depth"),
        ({"constraints": ["seed < 3"]}, r"study.constraints\[0\] names seed, and the line has one seed for all points"),
        ({"constraints": ["open('x')"]}, r"study.constraints\[0\]: open\('x'\): known here are key\('NAME'\) and abs"),
        ({"constraints": [{"_target_": "builtins.dict"}]}, r"study.constraints\[0\].* which is no function of a point"),
    ],
    ids=str,
)
def test_rules_that_cannot_be_are_refused_in_one_line(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        space_of("model=choice(dense,vit)", "depth=1,2", **rules)
    assert "\n" not in str(caught.value)


def test_a_condition_of_a_search_cannot_name_the_seeds_of_each_point() -> None:
    space = replicated(parse(["x=interval(0,1)", "+seed=1"], {}, NoGroups()), 2, 1, is_drawn=True)
    with pytest.raises(StudyError, match=r"names seed, and a search trains each point with all seeds \(\+seed=1,2\)"):
        with_rules(space, StudySettings(constraints=["seed < 5"]))


def test_a_constraint_that_cannot_be_worked_out_is_told_with_the_point() -> None:
    with pytest.raises(StudyError, match=r"study.constraints\[0\] cannot be worked out at x=0: ZeroDivisionError"):
        list(space_of("x=0,1", constraints=["1 / x > 0"]).grid())


def test_the_first_points_are_those_that_were_given(tmp_path: Path) -> None:
    space = space_of("x=interval(0,6)", "kind=choice(a,b)")
    study = study_in(tmp_path, space, 6)
    first = [{"x": 2.5, "kind": "b"}, {"kind": "a"}, {"x": 3}]
    run(study, space, "tpe", x_of, first=first)
    found = overrides(study)
    assert found[0] == {"x": "2.5", "kind": "b"} and found[1]["kind"] == "a" and float(found[2]["x"]) == 3.0
    assert len({json.dumps(point) for point in found}) == 6


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([{"y": 1}], r"study.first\[0\] has y, which is not drawn. Drawn here: x"),
        ([{"x": 1}, {"x": 9}], r"study.first\[1\]: x=9 lies outside of what is drawn: x=.*\(0, ?6\)"),
        ({"x": 1}, "study.first={'x': 1} must be a list of mappings"),
    ],
    ids=str,
)
def test_first_points_that_cannot_be_are_refused(first: Any, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        drawer(space_of("x=interval(0,6)"), "tpe", 0, first=first)


def test_a_sampler_learns_from_another_study(tmp_path: Path) -> None:
    space = space_of("x=interval(0,6)")
    before = study_in(tmp_path, space, 30)
    run(before, space, "tpe", lambda point: abs(x_of(point) - 5.9))
    after = Study.create(before.database, "after", ["minimize"], {"seed_key": "seed"})
    after.add_draws(5, distributions_of(space))
    like = learned_from(before.database, "s", [("objective", "minimize")])
    assert len(like) == 30
    run(after, space, "tpe", x_of, like=like)
    assert all(float(point["x"]) > 4 for point in overrides(after)[:2])  # without them its first draws are random
    with pytest.raises(StudyError, match=r"study.like=s optimises objective .minimize., and this study acc .maximize."):
        learned_from(before.database, "s", [("acc", "maximize")])


def test_what_was_drawn_is_a_parameter_of_optunas_trial(tmp_path: Path) -> None:
    space = space_of("x=interval(0,6)", "lr=tag(log, interval(0.1,1))", seeds=2)
    study = study_in(tmp_path, space, 2)
    run(study, space, "random", x_of)
    study.mirror()
    trials = study._optuna.get_trials()
    assert len(trials) == 4 and {tuple(trial.params) for trial in trials} == {("x", "lr")}
    assert {trial.distributions["lr"] for trial in trials} == {distributions_of(space)["lr"]}
    assert [trial.user_attrs["seed"] for trial in trials] == [0, 1, 0, 1]


def asked(study: Study, space: Space, num_draws: int) -> int:
    """What a command that searches this space adds; returns the number of trials."""
    seen = Seen(space, distributions_of(space), identify)
    num_seeds = len(space.seeds.values) if space.seeds else 1
    return study.add_draws(num_draws, distributions_of(space), num_seeds, seen.of_draw)


def test_a_line_that_sets_something_else_draws_its_own_points(tmp_path: Path) -> None:
    first = space_of("x=interval(0,1)")
    study = study_in(tmp_path, first, 3)
    run(study, first, "random", x_of)
    other = space_of("x=interval(0,1)", "kind=b")
    assert asked(study, first, 3) == 0 and asked(study, other, 3) == 3 and asked(study, other, 5) == 2
    run(study, other, "random", x_of)
    assert [point.get("kind") for point in overrides(study)] == [None] * 3 + ["b"] * 5
    assert asked(study, first, 3) == 0 and asked(study, other, 5) == 0  # each line finds what is its own


NARROW = {"constraints": ["x <= 0.25"]}


@pytest.mark.parametrize(("narrow", "rules"), [("x=interval(0,0.25)", {}), ("x=interval(0,1)", NARROW)])
def test_points_outside_of_a_space_that_became_narrower_do_not_count(
    narrow: str, rules: dict[str, Any], tmp_path: Path
) -> None:
    wide = space_of("x=interval(0,1)")
    study = study_in(tmp_path, wide, 8)
    run(study, wide, "random", x_of)
    num_inside = sum(float(point["x"]) <= 0.25 for point in overrides(study))
    space = space_of(narrow, **rules)
    assert 0 < num_inside < 8 and asked(study, space, 8) == 8 - num_inside
    run(study, space, "random", x_of)
    assert sum(float(point["x"]) <= 0.25 for point in overrides(study)) == 8


def test_a_seed_counts_by_its_value_not_by_its_place(tmp_path: Path) -> None:
    once = space_of("x=interval(0,1)")  # with seed 0, as `identify` has it
    study = study_in(tmp_path, once, 2)
    run(study, once, "random", x_of)

    def seeds_after(values: str) -> list[tuple[str, str]]:
        space = with_swept_seeds(space_of("x=interval(0,1)", f"seed={values}"), "seed")
        asked(study, space, 2)
        run(study, space, "random", x_of)
        return [(point["x"], point.get("seed", "0")) for point in overrides(study)]

    xs = [point["x"] for point in overrides(study)]
    expected = [(x, "0") for x in xs] + [(x, seed) for x in xs for seed in "56"]
    assert seeds_after("5,6") == expected
    assert seeds_after("0,6") == expected  # both are there
    assert seeds_after("8") == [*expected, *((x, "8") for x in xs)]


def test_fewer_seeds_leave_no_row_that_nobody_can_draw(tmp_path: Path) -> None:
    study = study_in(tmp_path, space_of("x=interval(0,1)", seeds=3), 2)
    two = space_of("x=interval(0,1)", seeds=2)
    assert asked(study, two, 2) == 0
    while not study.is_finished():
        run(study, two, "random", x_of)
    assert [point["seed"] for point in overrides(study)] == ["0", "1"] * 2


@pytest.mark.parametrize(
    ("line", "sampler", "rules", "message"),
    [
        (
            ["x=interval(0,1)"],
            "tpe",
            {"constraints": ["x > 2"]},
            "study.constraints: none of 1000 points drawn at",
        ),
        (
            ["x=interval(0,1)"],
            {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": "abc"},
            {},
            "study.sampler: it cannot draw: '<' not supported",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_found_before_there_is_a_study(
    line: list[str], sampler: Any, rules: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        drawer(space_of(*line, **rules), sampler, 0, identify).check(1)


def test_constraints_that_leave_nothing_of_a_grid_are_refused() -> None:
    with pytest.raises(StudyError, match=r"^study.constraints: none of 2 points obeys them\.$"):
        space_of("x=1,2", constraints=["x > 9"])


@pytest.mark.parametrize("rule", ["0.2 < x < 0.8", "x > 0.5", "x < 0.01", "0.011 < x < 0.012"])
def test_what_is_looked_at_before_a_search_obeys_its_constraints_where_it_can(rule: str) -> None:
    (point,) = samples(space_of("x=interval(0.001,1)", constraints=[rule]))
    is_found = rule != "0.011 < x < 0.012"  # too narrow to be found between equal steps
    assert Rules(constraints=(rule,)).allow(point.overrides) is is_found
