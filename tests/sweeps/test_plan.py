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
    assert plan(["x=1,2,3"], n_trials=9).num_points == 3


def test_a_sampler_draws_its_points() -> None:
    made = plan(["x=interval(0,1)"])
    assert not made.is_grid and made.points() == [] and made.num_points == 20
    assert plan(["x=1,2"], sampler="random", n_trials=7).num_points == 7


def test_a_grid_without_end_is_refused() -> None:
    with pytest.raises(StudyError, match=r"study\.sampler=grid: y=interval\(0,1\) has no finite set of values\."):
        plan(["x=1,2", "y=interval(0,1)"], sampler="grid")


def test_replicates_count_up_from_the_seed() -> None:
    seeds = [point.overrides["seed"] for point in plan(["x=1"], seed=5, replicates=3).points()]
    assert seeds == ["5", "6", "7"]
    assert [point.overrides["seed"] for point in plan(["x=1", "seed=9"], seed=5, replicates=2).points()] == ["9", "10"]


@pytest.mark.parametrize(("arguments", "study"), [(["x=interval(0,1)"], {}), (["x=1,2"], {"sampler": "tpe"})])
def test_a_sampler_trains_no_replicates(arguments: list[str], study: dict[str, str]) -> None:
    with pytest.raises(StudyError, match=r"study\.replicates=2: a sampler draws points that are trained once"):
        plan(arguments, replicates=2, **study)


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
