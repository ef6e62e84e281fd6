"""What Optuna's own tools read of a study."""

import itertools
import math
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.parsing import parse
from sweeps.space import Point
from sweeps.study.axes import DRAWN, VALUES, Axes
from sweeps.study.records import Claim
from sweeps.study.sampling import distributions_of, drawer
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.sweeps.test_fuzz import NoGroups

MODELS, WEIGHTS, SEEDS = ["dense", "cnn", "vit"], ["0.1", "0.5", "1.0"], ["0", "1", "2"]
OF_MODEL = {"dense": 0.1, "cnn": 0.5, "vit": 0.9}


def grid(**axes: Sequence[str]) -> list[Point]:
    return [
        Point(overrides=dict(zip(axes, values, strict=True)), varied=tuple(axes))
        for values in itertools.product(*axes.values())
    ]


def new_study(url: str, *points: Point) -> Study:
    """A study whose trials Optuna has at once, since a pruner reads them."""
    study = Study.create(Database(url), "s", ["maximize"], {"objective": ["val/acc"]})
    study.use(optuna.pruners.MedianPruner())
    study.add(points)
    return study


def claimed(study: Study, draw: Any = None) -> Claim:
    claim = study.claim("w", draw)
    assert claim is not None
    return claim


def run_all(study: Study) -> None:
    """Complete every open point: the model decides, the weight matters less than the noise of the seeds."""
    noise = random.Random(0)
    while (claim := study.claim("w", None)) is not None:
        seen = claim.point.overrides
        value = OF_MODEL[seen["model"]] + 0.02 * float(seen["weight"]) + noise.gauss(0, 0.03)
        study.tell(claim, Completed(values=(value,)))


def trials(study: Study) -> list[FrozenTrial]:
    """As another process reads them."""
    url = study.database.url.render_as_string(hide_password=False)
    return optuna.load_study(study_name=study.name, storage=Database(url).storage).trials


def of_key(study: Study, key: str) -> list[BaseDistribution | None]:
    return [trial.distributions.get(key) for trial in trials(study)]


@pytest.mark.parametrize("evaluator", [None, FanovaImportanceEvaluator(seed=0)], ids=["usual", "fanova"])
def test_importances_of_a_grid_are_those_of_its_axes(tmp_path: Path, evaluator: Any) -> None:
    study = new_study(f"sqlite:///{tmp_path}/s.db", *grid(model=MODELS, weight=WEIGHTS, seed=SEEDS))
    run_all(study)
    found = get_param_importances(
        optuna.load_study(study_name="s", storage=study.database.storage), evaluator=evaluator
    )
    assert set(found) == {"model", "weight"}
    assert next(iter(found)) == "model" and found["model"] > 1.5 * found["weight"]


def test_a_trial_is_told_as_optuna_tells_its_own(storage_url: str) -> None:
    study = new_study(storage_url, *grid(model=["dense", "cnn"], weight=["0.5"], seed=["0", "1"]))
    metrics = {"test/acc": 0.75, "test/loss": math.nan, "train/loss": 1.0}
    endings: list[Outcome] = [
        Completed(values=(0.5,), metrics=metrics),
        Pruned(values=(0.25,), metrics=metrics),
        Failed(cause="timeout", detail="Longer than 6 s."),
        Completed(values=(), metrics=metrics),
    ]
    for ending in endings:
        study.tell(claimed(study), ending)
    stored = optuna.load_study(study_name="s", storage=study.database.storage)
    assert stored.metric_names == ["val/acc"]
    completed, pruned, failed, without = stored.trials
    tests = {"test/acc": 0.75, "test/loss": "nan"}
    assert completed.params == {"model": "dense", "weight": 0.5} and completed.user_attrs == {"seed": 0, **tests}
    assert completed.value == 0.5 and pruned.user_attrs == {"seed": 1, **tests}
    assert failed.user_attrs == {"seed": 0, "cause": "timeout", "detail": "Longer than 6 s."}
    assert (without.state, without.user_attrs["outcome"]) == (TrialState.FAIL, "completed without an objective")


def untimed(trial: FrozenTrial) -> dict[str, Any]:
    """All of a trial but its ids and times."""
    left_out = ("_trial_id", "datetime_start", "_datetime_start", "datetime_complete")
    return {key: value for key, value in vars(trial).items() if key not in left_out}


def test_what_is_written_in_a_batch_is_what_is_written_at_once(storage_url: str) -> None:
    points = grid(model=["dense", "cnn"], weight=["0.5", "1e3"], seed=["0", "1"])
    metrics = {"test/acc": 0.75, "test/loss": math.nan, "train/loss": 1.0, "test/" + "k" * 600: 1.0}
    endings: list[Outcome] = [
        Completed(values=(0.5,), metrics=metrics),
        Pruned(values=(0.25,), metrics=metrics),
        Pruned(),
        Failed(cause="timeout", detail="Longer than 6 s."),
        Completed(values=(), metrics=metrics),
        Completed(values=(math.inf,)),
    ]
    studies = [new_study(storage_url, *points)]
    lazy = Study.create(Database(storage_url), "lazy", ["maximize"], {"objective": ["val/acc"]})
    lazy.add(points)
    began = time.time()
    for study in (*studies, lazy):
        for ending in endings:
            claim = claimed(study)
            for step, value in ((0, 0.1), (2, math.nan), (2, 0.3), (3, -math.inf)):
                assert not study.should_prune(claim, {"val/acc": value}, step)
            assert study.tell(claim, ending)
    assert trials(lazy) == [] and lazy.unmirrored() == list(range(6))
    lazy.mirror()
    found = trials(lazy)
    assert [str(untimed(trial)) for trial in found] == [str(untimed(trial)) for trial in trials(studies[0])]
    assert found[0].intermediate_values.keys() == {0, 2, 3} and math.isnan(found[0].intermediate_values[2])
    for trial in found:
        assert trial.datetime_start is not None and trial.datetime_complete is not None
        assert -2 < trial.datetime_start.timestamp() - began < 60 and trial.duration is not None
    assert lazy.unmirrored() == [] and [row.trial_id for row in lazy._ledger.rows()][:6] == [
        trial._trial_id for trial in found
    ]


def test_workers_that_write_a_batch_together_make_each_trial_once(storage_url: str) -> None:
    study = Study.create(Database(storage_url), "s", ["maximize"], {"objective": ["val/acc"]})
    study.add(grid(x=[str(i) for i in range(300)]))  # two transactions each
    while (claim := study.claim("w", None)) is not None:
        study.tell(claim, Completed(values=(float(claim.point.overrides["x"]),)))
    workers = [Study(Database(storage_url), "s") for _ in range(4)]
    with ThreadPoolExecutor(len(workers)) as threads:
        for done in [threads.submit(worker.mirror) for worker in workers]:
            done.result()
    found = trials(study)
    assert [trial.number for trial in found] == list(range(300))
    assert sorted(trial.params["x"] for trial in found) == list(range(300))
    assert all(trial.value == trial.params["x"] for trial in found) and study.unmirrored() == []


def test_a_trial_that_is_reopened_is_another_one_in_the_next_batch(storage_url: str) -> None:
    study = Study.create(Database(storage_url), "s", ["maximize"], {"objective": ["val/acc"]})
    study.add(grid(x=["1"]))
    study.tell(claimed(study), Failed(cause="error", detail="no"))
    study.mirror()
    assert study.reopen("test", fresh=True) == [0] and study.unmirrored() == []
    study.tell(claimed(study), Completed(values=(1.0,)))
    study.reconcile()
    assert [trial.state for trial in trials(study)] == [TrialState.FAIL, TrialState.COMPLETE]


def test_an_axis_that_grows_has_one_distribution(storage_url: str) -> None:
    study = new_study(storage_url, *grid(model=["dense", "cnn"], weight=["0.1", "0.5"]))
    run_all(study)
    other = Study(Database(storage_url), "s")
    other.add(grid(model=["dense", "cnn", "vit"], weight=["0.1", "0.5"]))
    run_all(study)  # a worker that knew the axis before
    assert set(of_key(study, "model")) == {CategoricalDistribution(["dense", "cnn", "vit"])}
    assert [trial.params["model"] for trial in trials(study)] == ["dense", "dense", "cnn", "cnn", "vit", "vit"]
    assert [trial.params["weight"] for trial in trials(study)] == [0.1, 0.5] * 3
    assert study.trials()[5].outcome is not None and len(trials(study)) == 6


def test_a_worker_that_was_late_is_put_right(storage_url: str) -> None:
    study = new_study(storage_url, *grid(model=["dense"], weight=["0.1", "0.5"]))
    late = study._mirror.axes()
    run_all(study)
    study.add(grid(model=["dense", "cnn"], weight=["0.1"]))
    study._mirror._axes = late
    with study.database.engine.begin() as connection:  # what the worker had asked for before the axis grew
        kept = distribution_to_json(CategoricalDistribution(["dense"]))
        query = sa.text("UPDATE trial_params SET distribution_json = :kept WHERE param_name = 'model'")
        connection.execute(query, {"kept": kept})
    Study(Database(storage_url), "s").reconcile()
    assert set(of_key(study, "model")) == {CategoricalDistribution(["dense", "cnn"])}
    run_all(study)
    assert set(of_key(study, "model")) == {CategoricalDistribution(["dense", "cnn"])}


def test_a_value_that_is_typed_otherwise_is_the_same_choice(storage_url: str) -> None:
    study = new_study(storage_url, *grid(model=["dense"], weight=["0.1", "null"]))
    study.add(grid(model=["cnn"], weight=["1e-1", "True", "'a b'"]))
    run = [study.claim("w", None) for _ in range(5)]
    assert all(run)
    expected = CategoricalDistribution([0.1, "null", True, "'a b'"])
    assert set(of_key(study, "weight")) == {expected}
    assert [trial.params["weight"] for trial in trials(study)] == [0.1, "null", 0.1, True, "'a b'"]


def test_many_numbers_are_an_interval_and_many_words_an_attribute(storage_url: str) -> None:
    few, words = [str(i) for i in range(32)], [f"w{i}" for i in range(257)]
    study = new_study(storage_url, *grid(x=few, y=["0.5"]))
    claims = [claimed(study) for _ in few]
    assert set(of_key(study, "x")) == {CategoricalDistribution(list(range(32)))}
    study.add(grid(x=["-7", "40"], y=["0.5"]))
    assert set(of_key(study, "x")) == {IntDistribution(-7, 40)} and trials(study)[9].params["x"] == 9
    study.add(grid(x=["0.25"], y=["0.5"]))
    assert set(of_key(study, "x")) == {FloatDistribution(-7, 40)}
    claims += [claimed(study) for _ in range(3)]
    assert trials(study)[34].params == {"x": 0.25, "y": 0.5}
    study.add(grid(x=["none"], y=["0.5"]))
    assert {len(one.choices) for one in of_key(study, "x")} == {36}  # type: ignore[union-attr]
    study.add([Point(overrides={"x": word, "y": "0.5"}, varied=("x", "y")) for word in words])
    assert set(of_key(study, "x")) == {None} and trials(study)[9].user_attrs == {"x": 9}
    assert [study.tell(claim, Completed(values=(1.0,))) for claim in claims] == [True] * 35


def as_before(study: Study, point: Point) -> FrozenTrial:
    """The trial that the version before made of a point."""
    numbers, texts = {}, {}
    for key in point.varied:
        try:
            numbers[key] = float(point.overrides[key])
        except ValueError:
            texts[key] = point.overrides[key]
    alone = {key: FloatDistribution(value, value) for key, value in numbers.items()}
    return create_trial(state=TrialState.RUNNING, params=numbers, distributions=alone, user_attrs=texts)


def test_a_study_of_the_version_before_continues_and_is_put_right(
    storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = grid(model=["dense", "cnn"], weight=["0.1", "1"], seed=["0"])
    with monkeypatch.context() as before:
        before.setattr("sweeps.study.mirror.Mirror.extend", lambda *_, **__: None)
        before.setattr("sweeps.study.mirror.template", as_before.__get__(None, type(None)))
        study = new_study(storage_url, *points)
        run_all_but_one = [claimed(study) for _ in points[1:]]
        for claim in run_all_but_one:
            study.tell(claim, Completed(values=(1.0,)))
    assert trials(study)[0].user_attrs == {"model": "dense"} and set(trials(study)[0].params) == {"weight", "seed"}
    again = Study(Database(storage_url), "s")
    again.add([*points, *grid(model=["dense"], weight=["true"], seed=["0"])])
    assert [trial.params for trial in trials(study)] == [
        {"model": "dense", "weight": 0.1},
        {"model": "dense", "weight": 1},
        {"model": "cnn", "weight": 0.1},
    ]
    assert [trial.user_attrs for trial in trials(study)] == [{"seed": 0}] * 3
    again.tell(claimed(again), Completed(values=(1.0,)))
    again.tell(claimed(again), Completed(values=(1.0,)))
    assert set(of_key(study, "weight")) == {CategoricalDistribution([0.1, 1, "true"])}
    assert set(of_key(study, "model")) == {CategoricalDistribution(["dense", "cnn"])}


def draws_of(study: Study, *line: str, sampler: str = "random") -> tuple[dict[str, BaseDistribution], Any]:
    space = parse(list(line), {}, NoGroups())
    return distributions_of(space), drawer(space, sampler, 0)


def test_a_sampler_may_follow_a_grid_and_a_grid_a_sampler(storage_url: str) -> None:
    study = new_study(storage_url, *grid(model=["dense", "cnn"], lr=["0.1", "0.5"], depth=["2"]))
    for _ in range(4):
        study.tell(claimed(study), Completed(values=(1.0,)))
    line = ["model=vit,dense", "lr=tag(log,interval(0.01,1))", "depth=range(1,5)"]
    wanted, draw = draws_of(study, *line)
    assert study.distributions() == {}  # nothing that could not become what is drawn
    study.add_draws(3, wanted)
    for _ in range(3):
        study.tell(claimed(study, draw), Completed(values=(1.0,)))
    assert study.distributions().keys() == {"model", "lr", "depth"}
    study.add(grid(model=["swin"], lr=["0.9"], depth=["8"]))
    study.tell(claimed(study), Completed(values=(1.0,)))
    found = trials(study)
    assert found[0].params == {"model": "dense", "lr": 0.1, "depth": 2} and found[2].user_attrs == {"model": "cnn"}
    assert found[2].params == {"lr": 0.1, "depth": 2}
    assert found[7].params == {"lr": 0.9, "depth": 8} and found[7].user_attrs == {"model": "swin"}
    assert all(trial.params.keys() == {"model", "lr", "depth"} for trial in found[4:7])
    wanted, draw = draws_of(study, *line, sampler="tpe")
    study.add_draws(4, wanted)
    assert claimed(study, draw).point.overrides.keys() == {"model", "lr", "depth"}


def test_a_search_of_the_version_before_keeps_what_it_drew(storage_url: str) -> None:
    study = Study.create(Database(storage_url), "s", ["maximize"], {"objective": ["val/acc"]})
    wanted, draw = draws_of(study, "model=vit,dense", "lr=interval(0.01,1)")
    study.add_draws(3, wanted)
    for _ in range(3):
        study.tell(claimed(study, draw), Completed(values=(1.0,)))
    study.mirror()
    before = [trial.params for trial in trials(study)]
    with study.database.engine.begin() as connection:
        query = sa.text("DELETE FROM study_user_attributes WHERE key IN (:values, :drawn)")
        connection.execute(query, {"values": VALUES, "drawn": DRAWN})
    again = Study(Database(storage_url), "s")
    again.add(grid(model=["cnn", "dense"], lr=["0.5"]))
    again.tell(claimed(again), Completed(values=(1.0,)))
    again.tell(claimed(again), Completed(values=(1.0,)))
    again.mirror()
    assert [trial.params for trial in trials(study)] == [*before, {"lr": 0.5}, {"model": "dense", "lr": 0.5}]
    assert set(of_key(study, "model")) == {CategoricalDistribution(["vit", "dense"]), None}


def test_a_failed_draw_is_handed_out_again_as_it_was(storage_url: str) -> None:
    study = Study.create(Database(storage_url), "s", ["maximize"], {"objective": ["val/acc"]})
    wanted, draw = draws_of(study, "width=choice(16,32)", "lr=tag(log,interval(0.01,1))", "n=range(1,9)")
    study.add_draws(1, wanted)
    study.tell(claimed(study, draw), Failed(cause="error", detail="no"))
    study.mirror()
    assert study.reopen("test", fresh=True) == [0]
    study.tell(claimed(study, draw), Completed(values=(1.0,)))
    study.mirror()
    first, second = trials(study)
    assert first.params == second.params and second.distributions["width"] == CategoricalDistribution([16, 32])


def test_a_key_that_no_column_holds_is_left_out() -> None:
    axes = Axes().with_points(grid(**{"k" * 513: ["a"], "k" * 512: ["a"]}))
    assert axes.param("k" * 513, "a") is None
    assert axes.param("k" * 512, "a") == (CategoricalDistribution(["a"]), "a")
