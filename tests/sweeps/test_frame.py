"""What is known of the trials, each kind of column by itself."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.outcome import Failed, Pruned
from sweeps.report.captions import caption
from sweeps.report.export import to_csv, trials_to_csv
from sweeps.report.frame import trial_frame
from sweeps.report.structured import to_json
from sweeps.report.tables import benchmark_table
from sweeps.space import Point
from tests.studies import done, study_of

OURS = ("trial", "state", "attempts", "duration_s", "cause")
CLASHES = (*OURS, "loss", "n", "seconds", "parameters", "num_parameters", "objective/loss")


@pytest.mark.parametrize("axis", CLASHES)
def test_an_axis_a_metric_and_a_column_of_ours_may_have_one_name(tmp_path: Path, axis: str) -> None:
    metrics = [{"loss": 0.5, axis: 7.0}, {"loss": 0.25, axis: 8.0}]
    results = [({axis: f"v{i}"}, done(0.5, metrics=metrics[i])) for i in range(2)]
    trials = trial_frame(study_of(tmp_path, results))
    assert list(trials.overrides[axis]) == ["v0", "v1"]
    assert list(trials.metrics[axis]) == [7.0, 8.0]
    assert list(trials.own["state"]) == ["completed"] * 2 and list(trials.own["trial"]) == [0, 1]
    flat = trials.flat()
    assert len(set(flat.columns)) == len(flat.columns)
    assert list(flat[axis]) == ["v0", "v1"] and list(flat[f"metric/{axis}"]) == [7.0, 8.0]


def test_headings_without_a_clash_are_plain(tmp_path: Path) -> None:
    trials = trial_frame(
        study_of(tmp_path, [({"x": "1", "model": "cnn"}, done(0.5, metrics={"loss": 0.5, "epoch": 3.0}))])
    )
    assert list(trials.flat().columns) == [*OURS, "x", "model", "objective/loss", "loss", "epoch"]


def test_a_column_of_ours_gives_way_to_an_axis(tmp_path: Path) -> None:
    flat = trial_frame(study_of(tmp_path, [({"state": "liquid"}, done(0.5))])).flat()
    assert list(flat["state"]) == ["liquid"] and list(flat["study/state"]) == ["completed"]


def test_overrides_have_the_values_that_hydra_reads(tmp_path: Path) -> None:
    texts = ["1", "0.5", "1e-3", "null", "true", "cnn", "[1,2]", "nan"]
    trials = trial_frame(study_of(tmp_path, [({"x": text}, None) for text in texts]))
    values = list(trials.overrides["x"])
    assert values == [1, 0.5, 0.001, None, True, "cnn", [1, 2], "nan"]  # a NaN would be a key that is not there
    assert [type(value) for value in values] == [int, float, float, type(None), bool, str, list, str]


def test_an_override_that_a_point_lacks_is_not_a_number(tmp_path: Path) -> None:
    trials = trial_frame(study_of(tmp_path, [({"x": "1"}, done(1.0)), ({"x": "1", "y": "2"}, done(1.0))]))
    assert list(trials.overrides["y"].isna()) == [True, False]


def test_a_key_that_varies_later_has_its_usual_value_in_the_trials_before(tmp_path: Path) -> None:
    study = study_of(tmp_path, [])
    before = Point(overrides={"net": "a"}, varied=("net",), identity="i")
    study.add([before])
    more = {"net": "a", "lr": "0.1", "w": "{a:1}"}
    later = Point(overrides=more, varied=tuple(more), identity="i", role="equal")
    other = Point(overrides={**more, "lr": "0.2"}, varied=tuple(more), identity="j")
    assert study.add([later, other]) == 1
    assert study.add([later, other]) == 0 == study.add([replace(before, role="")])
    trials = trial_frame(study)
    assert trials.varied == ("net", "lr", "w.a")
    assert trials.overrides[["net", "lr", "w.a"]].values.tolist() == [["a", 0.1, 1], ["a", 0.2, 1]]
    assert trials.own["role"].tolist() == ["equal", ""]
    kept = study.trials()[0].point
    assert kept is not None and kept.overrides == before.overrides and kept.key == before.key


def test_a_seed_that_varies_later_is_the_usual_one_in_the_trials_before(tmp_path: Path) -> None:
    study = study_of(tmp_path, [])
    study.add([Point(overrides={"x": "1"}, varied=("x",), identity="i0", cell="c")])
    seeds = [Point(overrides={"x": "1", "seed": str(i)}, varied=("seed",), identity=f"i{i}", cell="c") for i in (0, 1)]
    assert study.add(seeds) == 1
    assert trial_frame(study).seeds.tolist() == ["0", "1"]
    assert caption([study], [study.trials()]).startswith("Study s: 2 trials, 2 seeds (0, 1).")


def test_a_table_shows_a_value_that_is_no_number(tmp_path: Path) -> None:
    texts = ["null", "nan", "0.5"]
    study = study_of(tmp_path, [({"x": text}, done(0.5)) for text in texts] + [({"y": "1"}, done(0.5))])
    table = benchmark_table(trial_frame(study))
    assert table is not None
    assert [column.values for column in table.columns[:2]] == [(None, "nan", 0.5, ""), ("", "", "", 1)]


def test_each_format_tells_null_infinite_nan_and_missing_apart(tmp_path: Path) -> None:
    study = study_of(
        tmp_path, [({"x": text}, done(0.5)) for text in ("null", "inf", "nan")] + [({"y": "1"}, done(0.5))]
    )
    table = benchmark_table(trial_frame(study))
    assert table is not None
    assert [row["x"] for row in csv.DictReader(io.StringIO(to_csv(table)))] == ["null", "inf", "nan", ""]
    trials = csv.DictReader(io.StringIO(trials_to_csv(trial_frame(study))))
    assert [row["x"] for row in trials] == ["null", "inf", "nan", ""]
    assert [row["x"] for row in json.loads(to_json(table))["rows"]] == [None, "inf", "nan", ""]


def test_trials_without_a_result_have_a_row(tmp_path: Path) -> None:
    failed = Failed(cause="crash", detail="killed by SIGKILL", metrics={"loss": 9.0}, duration_s=4.0)
    pruned = Pruned(values=(3.0,), metrics={"loss": 3.0}, duration_s=2.0)
    results = [
        ({"x": "1"}, done(1.0, metrics={"loss": 1.0})),
        ({"x": "2"}, failed),
        ({"x": "3"}, pruned),
        ({"x": "4"}, None),
    ]
    trials = trial_frame(study_of(tmp_path, results))
    assert list(trials.own["state"]) == ["completed", "failed", "pruned", "open"]
    assert list(trials.own["attempts"]) == [1, 1, 1, 0]
    assert list(trials.own["duration_s"])[:3] == [1.0, 4.0, 2.0] and trials.own["duration_s"].isna()[3]
    assert trials.own["cause"][1] == "crash" and list(trials.own["cause"].isna()) == [True, False, True, True]
    # Only a completed trial has a result.
    assert list(trials.metrics["loss"].isna()) == list(trials.objectives["loss"].isna()) == [False, True, True, True]
    completed = trials.completed()
    assert list(completed.own["trial"]) == [0] and list(completed.overrides["x"]) == [1]


def test_a_study_without_points_and_one_whose_points_are_not_drawn(tmp_path: Path) -> None:
    study = study_of(tmp_path, [])
    assert trial_frame(study).completed().own.empty
    study.add_draws(2)
    trials = trial_frame(study)
    assert list(trials.own["state"]) == ["open"] * 2 and trials.varied == ()
    assert trials.flat().shape == (2, len(OURS))


def test_what_varies_is_in_the_order_of_the_line_and_never_the_seed(tmp_path: Path) -> None:
    point = {"epochs": "2", "lr": "0.1", "model": "cnn", "seed": "0"}
    results = [(point, None), ({**point, "seed": "1"}, None), ({**point, "epochs": "3"}, None)]
    trials = trial_frame(study_of(tmp_path, results, varied=("model", "lr", "seed")))
    # The last one comes from a later command, which fixed the epochs otherwise.
    assert trials.varied == ("model", "lr", "epochs")


def test_replicates_share_a_cell_however_a_number_is_written(tmp_path: Path) -> None:
    points = [("0.5", "0"), (".50", "1"), ("0.6", "0"), ("5e-1", "2")]
    trials = trial_frame(study_of(tmp_path, [({"lr": lr, "seed": seed}, None) for lr, seed in points]))
    first, second, other, fourth = trials.cells
    assert first == second == fourth != other


def test_the_study_knows_which_direction_is_better_and_its_objectives_win(tmp_path: Path) -> None:
    study = study_of(
        tmp_path,
        [({"x": "1"}, done(1.0, 2.0))],
        objectives=("loss", "acc"),
        directions=("minimize", "maximize"),
        metric_directions={"test/mae": "min", "test/acc": "max", "acc": "min"},
    )
    assert trial_frame(study).directions == {"loss": "min", "acc": "max", "test/mae": "min", "test/acc": "max"}
    assert list(trial_frame(study).objectives.loc[0]) == [1.0, 2.0]


def test_objectives_without_a_name_are_numbered(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(4.0))], objectives=())
    trials = trial_frame(study)
    assert list(trials.objectives["objective"]) == [4.0] and trials.directions == {"objective": "min"}
    assert list(trials.flat().columns) == [*OURS, "x", "objective"]


def test_several_objectives_without_names_and_one_that_is_called_objective(tmp_path: Path) -> None:
    for folder in ("several", "named"):
        (tmp_path / folder).mkdir()
    both = ("minimize", "maximize")
    several = trial_frame(
        study_of(tmp_path / "several", [({"x": "1"}, done(4.0, 5.0))], objectives=(), directions=both)
    )
    assert list(several.flat().columns) == [*OURS, "x", "objective_0", "objective_1"]
    assert several.directions == {"objective_0": "min", "objective_1": "max"}
    results = [({"x": "1"}, done(4.0, metrics={"objective": 9.0}))]
    named = trial_frame(study_of(tmp_path / "named", results, objectives=("objective",)))
    assert list(named.flat().columns) == [*OURS, "x", "objective", "metric/objective"]
    assert list(named.flat()["objective"]) == [4.0]


def test_a_key_of_a_mapping_that_implies_a_value_has_it_where_no_trial_writes_it(tmp_path: Path) -> None:
    results = [({"x": "1", "+w.a": "2"}, done(0.5)), ({"x": "2"}, done(0.5)), ({"+w.b": "3"}, done(0.5))]
    study = study_of(tmp_path, results)
    study.remember("implied", {"w": 1.0})
    overrides = trial_frame(study).overrides
    assert overrides["+w.a"].tolist() == [2, 1.0, 1.0] and overrides["+w.b"].tolist() == [1.0, 1.0, 3]
    assert overrides["x"].tolist()[:2] == [1, 2] and overrides["x"].isna().tolist() == [False, False, True]
