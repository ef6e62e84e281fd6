"""The numbers of a benchmark table, worked by hand."""

import math
from pathlib import Path

import pytest

from sweeps.outcome import Completed, Failed
from sweeps.report.best import best_lines
from sweeps.report.frame import trial_frame
from sweeps.report.tables import Column, Spread, Table, benchmark_table
from sweeps.space import Point
from sweeps.study.study import Study
from tests.studies import Given, Result, done, study_of

FAILED = Failed(cause="error", detail="ValueError: x", metrics={"loss": 0.0, "test/acc": 1.0}, duration_s=99.0)


def table_of(folder: Path, results: list[Result], *metrics: str, **options: object) -> Table:
    made = benchmark_table(trial_frame(study_of(folder, results, **options)), metrics)
    assert made is not None
    return made


def column(table: Table, title: str) -> Column:
    (found,) = [column for column in table.columns if column.title == title]
    return found


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def loss_of(value: float) -> Completed:
    return done(value, metrics={"loss": value})


def seeds(model: str, *losses: float) -> list[Result]:
    return [({"model": model, "seed": str(i)}, loss_of(loss)) for i, loss in enumerate(losses)]


def test_mean_and_spread_over_replicates(tmp_path: Path) -> None:
    table = table_of(tmp_path, [*seeds("cnn", 0.1, 0.2, 0.6), *seeds("vit", 2.0, 4.0)])
    assert column(table, "model").values == ("cnn", "vit")
    assert column(table, "n").values == (3, 2)
    loss = column(table, "loss")
    assert loss.values == pytest.approx((0.3, 3.0))
    # Squares about the mean: 0.04 + 0.01 + 0.09 = 0.14, over n - 1 = 2; and 1 + 1 = 2, over 1.
    assert loss.spreads == pytest.approx((math.sqrt(0.07), math.sqrt(2)))


def test_a_cell_of_one_trial_has_no_spread(tmp_path: Path) -> None:
    loss = column(table_of(tmp_path, [*seeds("cnn", 1.0, 3.0), *seeds("vit", 5.0)]), "loss")
    assert loss.values == (2.0, 5.0) and loss.spreads == (pytest.approx(math.sqrt(2)), None)


def test_without_replicates_there_are_no_spreads(tmp_path: Path) -> None:
    table = table_of(tmp_path, [({"x": "1"}, loss_of(0.5)), ({"x": "2"}, loss_of(0.25))])
    assert column(table, "loss").spreads == () and column(table, "n").values == (1, 1)


def test_a_cell_whose_trials_have_failed_is_a_row_without_a_value(tmp_path: Path) -> None:
    results = [({"x": "1", "seed": "0"}, FAILED), ({"x": "1", "seed": "1"}, done(4.0, duration_s=3.0))]
    table = table_of(tmp_path, [*results, ({"x": "2", "seed": "0"}, FAILED), ({"x": "3", "seed": "0"}, None)])
    assert [column.values for column in table.columns] == [(1, 2), (1, 0), (4.0, None)]
    assert column(table, "n").numbers == (2, 1)
    assert table.notes == (
        "No marks: a comparison needs two cells that lack no seed of at least three (study.replicates).",
        "Not marked, as trials are missing: x=1 1/2: 1 failed (error); x=2 0/1: 1 failed (error).",
    )


def test_where_all_have_failed_there_are_rows_and_where_none_has_ended_there_is_no_table(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, FAILED), ({"x": "2"}, None)])
    table = benchmark_table(trial_frame(study))
    assert table is not None and [column.values for column in table.columns] == [(1,), (0,)]
    (tmp_path / "open").mkdir()
    assert benchmark_table(trial_frame(study_of(tmp_path / "open", [({"x": "2"}, None)]))) is None


def test_rows_keep_the_order_of_the_grid(tmp_path: Path) -> None:
    points = [{"model": model, "lr": lr, "seed": seed} for model in "ba" for lr in ("0.5", "0.1") for seed in "01"]
    table = table_of(tmp_path, [(point, loss_of(1.0)) for point in points])
    assert column(table, "model").values == ("b", "b", "a", "a")
    assert column(table, "lr").values == (0.5, 0.1, 0.5, 0.1)
    assert titles(table) == ["model", "lr", "n", "loss"]


def drawn(folder: Path, results: list[Result], **options: object) -> Study:
    """A study whose points a sampler has drawn."""
    study = study_of(folder, [], **options)  # type: ignore[arg-type]
    study.add_draws(len(results))
    given = Given(*(Point(overrides=dict(overrides), varied=tuple(overrides)) for overrides, _ in results))
    for _, outcome in results:
        claim = study.claim("w", given)  # type: ignore[arg-type]
        assert claim is not None and outcome is not None and study.tell(claim, outcome)
    return study


@pytest.mark.parametrize(("direction", "rows"), [("minimize", (2, 1, 3)), ("maximize", (3, 1, 2))])
def test_rows_that_a_sampler_has_drawn_begin_with_the_best(
    tmp_path: Path, direction: str, rows: tuple[int, ...]
) -> None:
    results: list[Result] = [
        ({"x": "1"}, loss_of(0.5)), ({"x": "2"}, loss_of(0.25)), ({"x": "3"}, loss_of(0.75)), ({"x": "4"}, FAILED),
    ]  # fmt: skip
    table = benchmark_table(trial_frame(drawn(tmp_path, results, directions=(direction,))))
    assert table is not None and column(table, "x").values == (*rows, 4)
    assert column(table, "loss").marks.best == set()
    assert table.notes[-1] == "Without a result: 1 failed (error)."


def test_drawn_cells_are_ordered_by_their_means_and_by_the_first_objective(tmp_path: Path) -> None:
    values = {("1", "0"): (4.0, 1.0), ("2", "0"): (1.0, 2.0), ("1", "1"): (0.0, 3.0), ("2", "1"): (2.0, 4.0)}
    results: list[Result] = [({"x": x, "seed": seed}, done(*pair)) for (x, seed), pair in values.items()]
    options = {"objectives": (), "directions": ("minimize", "maximize")}
    table = benchmark_table(trial_frame(drawn(tmp_path, results, **options)))
    assert table is not None and column(table, "x").values == (2, 1)
    assert column(table, "objective_0").values == (1.5, 2.0) and column(table, "objective_1").values == (3.0, 2.0)


def test_a_study_of_one_point_is_one_row(tmp_path: Path) -> None:
    table = table_of(tmp_path, [({"seed": str(i)}, loss_of(i)) for i in (1.0, 2.0, 6.0)])
    assert titles(table) == ["n", "loss"]
    assert column(table, "n").values == (3,) and column(table, "loss").values == (3.0,)


def test_null_and_no_override_at_all_are_two_cells(tmp_path: Path) -> None:
    table = table_of(tmp_path, [({}, done(1.0)), ({"x": "null"}, done(2.0)), ({"x": "1"}, done(3.0))], varied=())
    assert column(table, "x").values == ("", None, 1)
    assert column(table, "n").values == (1, 1, 1)


def timed(seconds: float, epochs: float | None = None) -> Completed:
    return done(0.0, duration_s=seconds, metrics={} if epochs is None else {"epoch": epochs})


def test_times_are_medians_per_epoch_and_only_where_they_are_asked_for(tmp_path: Path) -> None:
    results = [({"x": "1", "seed": str(i)}, timed(s, 2.0)) for i, s in enumerate((1.0, 2.0, 60.0))]
    trials = trial_frame(study_of(tmp_path, results))
    usual, table = benchmark_table(trials), benchmark_table(trials, has_seconds=True)
    assert usual is not None and titles(usual) == ["x", "n", "loss"]
    assert table is not None and column(table, "seconds/epoch").values == (1.0,)


def test_times_are_of_trials_where_nobody_counts_epochs(tmp_path: Path) -> None:
    table = benchmark_table(trial_frame(study_of(tmp_path, [({"x": "1"}, timed(3.0))])), has_seconds=True)
    assert table is not None and column(table, "seconds").values == (3.0,)


def test_sizes_are_whole_and_missing_where_no_trial_recorded_them(tmp_path: Path) -> None:
    sized = done(1.0, metrics={"num_parameters": 421834.0, "num_flops": 8482304.0})
    results = [({"x": "1", "seed": "0"}, done(1.0)), ({"x": "1", "seed": "1"}, sized)]
    table = table_of(tmp_path, [*results, ({"x": "2", "seed": "0"}, done(1.0))])
    assert column(table, "parameters").values == (421834, None)
    assert column(table, "flops").values == (8482304, None)
    assert type(column(table, "parameters").values[0]) is int


def test_the_default_metrics_are_those_of_the_test_split_without_losses(tmp_path: Path) -> None:
    metrics = {"val/acc": 0.1, "loss": 0.2, "test/acc": 0.3, "test/loss": 0.4, "test/mae": 0.5}
    trials = trial_frame(study_of(tmp_path, [({"x": "1"}, done(0.1, metrics=metrics))]))
    for asked, shown in ((), ["loss", "test/acc", "test/mae"]), (("val/acc", "loss"), ["loss", "val/acc"]):
        table = benchmark_table(trials, asked)
        assert table is not None and titles(table)[2:] == shown


def test_losses_are_shown_where_the_test_split_has_nothing_else(tmp_path: Path) -> None:
    assert titles(table_of(tmp_path, [({"x": "1"}, done(0.1, metrics={"test/loss": 0.4}))]))[2:] == [
        "loss",
        "test/loss",
    ]


def test_an_objective_is_what_the_trial_returned(tmp_path: Path) -> None:
    # The first trial returned its best loss and recorded its last one; the second recorded nothing.
    results = [({"x": "1"}, done(3.0, metrics={"loss": 5.0})), ({"x": "2"}, done(4.0))]
    table = table_of(tmp_path, results, "loss")
    assert titles(table) == ["x", "n", "loss"]
    assert column(table, "loss").values == (3.0, 4.0)


def test_a_metric_that_nobody_recorded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="test/nothing"):
        table_of(tmp_path, [({"x": "1"}, done(1.0))], "test/nothing")


MAE = "test/thickness_mae"


def two(first: float, second: float, name: str = MAE) -> list[Result]:
    """Two cells of three seeds whose differences vary, so that they are told apart."""
    values = [(x, seed, value + seed / 1000 * (1 + x)) for x, value in enumerate((first, second)) for seed in range(3)]
    return [({"x": str(x), "seed": str(seed)}, done(value, metrics={name: value})) for x, seed, value in values]


def test_the_smaller_error_is_best_where_the_application_says_so(tmp_path: Path) -> None:
    marks = column(table_of(tmp_path, two(0.9, 0.25), metric_directions={MAE: "min"}), MAE).marks
    assert (marks.best, marks.same, marks.num_seeds, marks.why_none) == ({1}, set(), (3,), "")


@pytest.mark.parametrize("name", ["test/thickness_mae", "test/loss", "test/acc", "test/f1"])
def test_nothing_is_best_where_nobody_has_declared_a_direction(tmp_path: Path, name: str) -> None:
    table = table_of(tmp_path, two(0.9, 0.25, name))
    assert column(table, name).marks.best == set()
    assert f"No marks in {name}: nobody has declared whether more or less is better." in table.notes


@pytest.mark.parametrize(("direction", "best"), [("minimize", 1), ("maximize", 0)])
def test_an_objective_has_the_direction_of_the_study(tmp_path: Path, direction: str, best: int) -> None:
    table = table_of(tmp_path, two(0.9, 0.25, "loss"), directions=(direction,), metric_directions={"loss": "max"})
    assert column(table, "loss").marks.best == {best}


def cell(x: str, *values: float | None) -> list[Result]:
    """One cell, with a seed per value; None has failed."""
    return [({"x": x, "seed": str(i)}, FAILED if v is None else loss_of(v)) for i, v in enumerate(values)]


@pytest.mark.parametrize(
    ("rows", "best", "same"),
    [
        ([(0.5, 0.6, 0.7), (0.5, 0.6, 0.7)], {0, 1}, set()),
        ([(0.5, 0.6, 0.7), (0.7, 0.5, 0.6), (1.5, 1.61, 1.7)], {0, 1}, set()),  # equal means in another order
        ([(0.5, 0.6, 0.7), (0.51, 0.59, 0.72)], {0}, {1}),
        ([(0.5, 0.6, 0.7), (1.5, 1.61, 1.7)], {0}, set()),
        ([(0.5, 0.6, None), (1.5, 1.61, 1.7), (2.5, 2.6, 2.71)], {1}, set()),  # the best one lacks a seed
        ([(0.5, 0.6, None), (1.5, 1.61, 1.7)], set(), set()),
        ([(0.5, 0.6), (1.5, 1.61)], set(), set()),  # two seeds
        ([(0.5, 0.6, 0.7)], set(), set()),  # one row
    ],
)
def test_marks(tmp_path: Path, rows: list[tuple[float | None, ...]], best: set[int], same: set[int]) -> None:
    table = table_of(tmp_path, [result for x, values in enumerate(rows) for result in cell(str(x), *values)])
    marks = column(table, "loss").marks
    assert (marks.best, marks.same) == (best, same)
    assert bool(best) != bool(marks.why_none)


def test_marks_are_set_within_a_data_set_whose_rows_stand_together(tmp_path: Path) -> None:
    values = {("dense", "digits"): 0.5, ("dense", "mnist"): 0.1, ("cnn", "digits"): 0.3, ("cnn", "mnist"): 0.2}
    results: list[Result] = [
        ({"model": model, "data": data, "seed": str(seed)}, loss_of(value + seed / 1000 * (1 + (model == "cnn"))))
        for (model, data), value in values.items()
        for seed in range(3)
    ]
    table = table_of(tmp_path, results)
    assert titles(table) == ["data", "model", "n", "loss"] and table.groups == (0, 0, 1, 1)
    assert column(table, "data").values == ("digits", "digits", "mnist", "mnist")
    assert column(table, "model").values == ("dense", "cnn", "dense", "cnn")
    assert column(table, "loss").marks.best == {1, 2} and len(column(table, "loss").marks.shown) == 2
    assert "Bold: the best mean of a metric, within its data set." in table.notes[1]


def test_the_notes_say_test_correction_alpha_seeds_and_what_could_have_been_shown(tmp_path: Path) -> None:
    values = ((0.5, 0.6, 0.7), (0.51, 0.59, 0.72), (1.5, 1.61, 1.7))
    table = table_of(tmp_path, [result for x, each in enumerate(values) for result in cell(str(x), *each)])
    assert table.notes == (
        "± is one standard deviation over the seeds (n - 1).",
        "Bold: the best mean of a metric. Underlined: not told apart from it (paired t tests over common seeds, "
        "two-sided, Holm's correction, alpha 0.05, n = 3).",
        # Two comparisons at alpha 0.025: 4.64 standard deviations of 0.0105, the median of 0.0153 and 0.0058.
        "The smallest difference that would have been told apart in 80 % of such studies: loss 0.049.",
    )


def test_what_swept_numbers_scale_is_never_marked(tmp_path: Path) -> None:
    """The smallest weights have the smallest sum of weighted losses, by construction."""
    results = [
        ({"w.a": weight, "seed": str(seed)}, done(0.5, metrics={"test/loss": float(weight) + seed / 100}))
        for weight in ("0.1", "1.0")
        for seed in range(3)
    ]
    study = study_of(tmp_path, results, metric_directions={"test/loss": "min"})
    table = benchmark_table(trial_frame(study), ["test/loss"])
    assert table is not None and column(table, "test/loss").marks.best == {0}
    study.remember("scales", {"w": ["test/loss"]})
    table = benchmark_table(trial_frame(study), ["test/loss"])
    assert table is not None and column(table, "test/loss").marks.best == set()
    assert "No marks in test/loss: w varies, and scales it, so each row has another measure." in table.notes


def test_the_notes_say_which_rows_have_too_few_seeds_to_be_compared(tmp_path: Path) -> None:
    table = table_of(tmp_path, [*seeds("a", 0.3, 0.4, 0.5), *seeds("b", 1.3, 1.4, 1.6), *seeds("c", 0.1, 0.2)])
    assert column(table, "loss").marks.best == {0}
    assert "Not compared, so never bold, as that takes 3 seeds: model=c 2 seeds." in table.notes


def test_validation_chooses_the_cell_that_best_names(tmp_path: Path) -> None:
    """Two seeds have the better mean, which may be luck."""
    means = {"a": (0.5, 0.51, 0.52), "b": (0.4, 0.41, 0.42), "c": (0.9, 0.91)}
    results = [
        ({"model": model, "seed": str(seed)}, done(value, metrics={"test/acc": value}))
        for model, values in means.items()
        for seed, value in enumerate(values)
    ]
    study = study_of(tmp_path, results, objectives=("val/acc",), directions=("maximize",), varied=("model", "seed"))
    table = benchmark_table(trial_frame(study))
    assert table is not None
    assert any(note.startswith("Chosen on validation, by the mean of val/acc: model=a.") for note in table.notes)
    assert best_lines(study, study.trials())[0].startswith("Best:    model=a: ")


def test_the_notes_say_what_validation_chooses(tmp_path: Path) -> None:
    results = [
        ({"x": x, "seed": str(seed)}, done(value + seed / 100, metrics={"test/acc": 0.5}))
        for x, value in (("a", 0.2), ("b", 0.4))
        for seed in range(2)
    ]
    chosen = "Chosen on validation, by the mean of val/acc: x=b. Its values in test/acc are the result; "
    told = table_of(tmp_path, results, objectives=("val/acc",), directions=("maximize",)).notes
    assert any(note.startswith(chosen) for note in told)
    (tmp_path / "test").mkdir()
    told = table_of(tmp_path / "test", results, objectives=("test/acc",)).notes
    assert "The objective test/acc is of the test split: what is best here was chosen on the test." in told


@pytest.mark.parametrize(("spread", "factor"), [("sd", 1.0), ("se", 1 / math.sqrt(3)), ("ci", 2.4841377)])
def test_spreads(tmp_path: Path, spread: Spread, factor: float) -> None:
    table = benchmark_table(trial_frame(study_of(tmp_path, cell("0", 0.1, 0.2, 0.6))), spread=spread)
    assert table is not None and column(table, "loss").spreads == (pytest.approx(math.sqrt(0.07) * factor, rel=1e-6),)


def test_a_metric_that_a_seed_lacks_is_a_mean_of_those_that_have_it_and_not_marked(tmp_path: Path) -> None:
    results = two(0.9, 0.25)
    results[3] = (results[3][0], done(0.25))
    table = table_of(tmp_path, results, metric_directions={MAE: "min"})
    found = column(table, MAE)
    assert found.numbers == (3, 2) and found.values[1] == pytest.approx(0.253) and found.marks.best == set()
    assert f"Not every seed has {MAE}: x=1 2/3." in table.notes


def test_a_cell_that_did_not_record_a_metric_has_no_value(tmp_path: Path) -> None:
    table = table_of(tmp_path, [*two(0.9, 0.25), ({"x": "3"}, done(3.0))], metric_directions={MAE: "min"})
    assert column(table, MAE).values == (pytest.approx(0.901), pytest.approx(0.252), None)
    assert column(table, MAE).marks.best == {1}


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("loss", ["loss", "n", "objective/loss", "parameters", "seconds"]),
        ("n", ["n", "study/n", "loss", "parameters", "seconds"]),
        ("seconds", ["seconds", "n", "loss", "parameters", "study/seconds"]),
        ("parameters", ["parameters", "n", "loss", "study/parameters", "seconds"]),
        ("state", ["state", "n", "loss", "parameters", "seconds"]),
        ("trial", ["trial", "n", "loss", "parameters", "seconds"]),
        ("duration_s", ["duration_s", "n", "loss", "parameters", "seconds"]),
    ],
)
def test_an_axis_keeps_its_name_beside_a_column_of_that_name(tmp_path: Path, axis: str, expected: list[str]) -> None:
    results = [
        ({axis: value}, done(loss, duration_s=5.0, metrics={"loss": loss, "num_parameters": 10.0}))
        for value, loss in (("a", 1.0), ("b", 2.0))
    ]
    table = benchmark_table(trial_frame(study_of(tmp_path, results)), has_seconds=True)
    assert table is not None and titles(table) == expected
    assert [column.values for column in table.columns] == [("a", "b"), (1, 1), (1.0, 2.0), (10, 10), (5.0, 5.0)]


def test_a_metric_with_the_name_of_a_column_says_where_it_is_from(tmp_path: Path) -> None:
    table = table_of(tmp_path, [({"x": "1"}, done(1.0, metrics={"n": 7.0}))], "n")
    assert titles(table) == ["x", "n", "loss", "metric/n"]
    assert column(table, "n").values == (1,) and column(table, "metric/n").values == (7.0,)
