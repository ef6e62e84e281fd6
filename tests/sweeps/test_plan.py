from collections.abc import Sequence

import pytest
from omegaconf import OmegaConf

from sweeps.errors import StudyError
from sweeps.plan import Plan, read_plan
from tests.sweeps.test_fuzz import NoGroups


def plan(arguments: Sequence[str], seed: int | None = None, **study: object) -> Plan:
    config = OmegaConf.create({"study": study, "seed": seed, "hydra": {"job": {"name": "app"}}})
    return read_plan(config, arguments, {}, NoGroups())


def test_a_grid_is_known_beforehand() -> None:
    made = plan(["x=1,2", "y=a,b,c"])
    assert made.is_grid and made.num_points == len(made.points()) == 6
    assert made.points()[1].overrides == {"x": "1", "y": "b"}


def test_a_budget_cuts_a_grid() -> None:
    made = plan(["x=1,2,3"], n_trials=2)
    assert [point.overrides["x"] for point in made.points()] == ["1", "2"] and made.num_points == 2
    assert made.cut == "study.n_trials=2: the first 2 of 3 points, in the order of the grid."
    assert plan(["x=1,2,3"], n_trials=9).num_points == 3
    assert plan(["x=1,2,3"], n_trials=9).cut == "study.n_trials=9: there are 3 points; each is trained once."
    assert [plan(["x=1,2,3"], n_trials=n).cut for n in (3, None)] == ["", ""]
    seeds = plan(["x=1,2,3"], n_trials=2, replicates=2)
    found = [(point.overrides["x"], point.overrides["seed"]) for point in seeds.points()]
    assert found == [("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")]


def test_a_sampler_draws_its_points() -> None:
    made = plan(["x=interval(0,1)"])
    assert not made.is_grid and made.points() == [] and made.num_points == 20
    assert plan(["x=1,2,3"], sampler="random", n_trials=2).num_points == 2
    more = plan(["x=1,2,3"], sampler="random", n_trials=7)
    assert (more.num_points, more.cut) == (3, "study.n_trials=7: there are 3 points; each is trained once.")
    assert plan(["x=1,2,3"], sampler="random", n_trials=2).cut == "" == made.cut


def test_a_grid_without_end_is_refused() -> None:
    with pytest.raises(StudyError, match=r"study\.sampler=grid: y=interval\(0,1\) has no finite set of values\."):
        plan(["x=1,2", "y=interval(0,1)"], sampler="grid")


def test_replicates_count_up_from_the_seed() -> None:
    seeds = [point.overrides["seed"] for point in plan(["x=1"], seed=5, replicates=3).points()]
    assert seeds == ["5", "6", "7"]
    assert [point.overrides["seed"] for point in plan(["x=1", "seed=9"], seed=5, replicates=2).points()] == ["9", "10"]


@pytest.mark.parametrize(
    ("arguments", "replicates", "seeds"),
    [
        (["x=interval(0,1)"], 3, ("5", "6", "7")),
        (["x=interval(0,1)", "seed=9"], 2, ("9", "10")),
        (["x=interval(0,1)", "seed=3,1"], 1, ("3", "1")),
    ],
)
def test_the_seeds_of_a_search_are_no_dimension_of_it(
    arguments: list[str], replicates: int, seeds: tuple[str, ...]
) -> None:
    made = plan(arguments, seed=5, replicates=replicates, n_trials=4)
    assert made.space.seeds is not None and made.space.seeds.values == seeds
    assert [axis.key for axis in made.space.axes] == ["x"] and "seed" not in made.space.fixed
    assert (made.num_draws, made.num_points) == (4, 4 * len(seeds))


def test_a_seed_that_is_to_be_drawn_is_refused() -> None:
    with pytest.raises(StudyError, match=r"^seed=interval\(0,9\): a sampler cannot draw the seed\. seed=0,1,2 trains"):
        plan(["x=interval(0,1)", "seed=interval(0,9)"])


def test_secrets_are_swept_by_the_names_of_their_variables() -> None:
    made = plan(["password=${oc.env:A_PW},${oc.env:B_PW}", "token=${oc.env:C}"])
    assert [point.overrides["password"] for point in made.points()] == [r"$\{oc.env\:A_PW\}", r"$\{oc.env\:B_PW\}"]
    assert {point.overrides["token"] for point in made.points()} == {r"$\{oc.env\:C\}"} and not made.space.withheld
    with pytest.raises(StudyError, match="password cannot be swept: its values are secret"):
        plan(["password=${oc.env:A_PW},literal-secret"])


def test_the_same_line_has_the_same_name_and_another_line_another_one() -> None:
    name = plan(["x=1,2", "y=3"]).name
    assert name.startswith("app-") and len(name) == len("app-") + 8
    assert plan(["y=3", "x=1,2"], slots=1).name == name
    assert plan(["x=1,2", "y=4"]).name != name and plan(["x=1,3", "y=3"]).name != name
    assert plan(["x=1,2"], name="mine").name == "mine"
