"""Rows, columns, order and names of a table, on a real study of two networks and nine weightings."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sweeps.errors import StudyError
from sweeps.outcome import Failed
from sweeps.report.arranged import Arrangement
from sweeps.report.asked import Asked, Looked, table_of
from sweeps.report.export import EXPORTS, to_csv, trials_to_csv
from sweeps.report.frame import trial_frame
from sweeps.report.tables import Column, Table
from sweeps.study.study import Study
from tests.studies import Result, done, study_of, weight_study

MEAN = "test/mean_acc"
WEIGHTS = [f"model.loss_weights.{head}" for head in ("digit", "thickness", "smoothness")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    study = weight_study(tmp_path_factory.mktemp("weights"))
    yield study
    study.database.engine.dispose()


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def column(table: Table, title: str) -> Column:
    return next(column for column in table.columns if column.title == title)


def arranged(study: Study, *metrics: str, where: tuple[str, ...] = (), **order: object) -> Table:
    return table_of(Looked.at([study]), Asked(metrics=metrics, where=where, arrangement=Arrangement(**order)))  # type: ignore[arg-type]


def test_the_csv_equals_pandas_on_all_trials(weights: Study) -> None:
    trials = pd.read_csv(io.StringIO(trials_to_csv(trial_frame(weights))))
    table = pd.read_csv(io.StringIO(to_csv(arranged(weights))))
    keys = ["model", *WEIGHTS]
    grouped = trials.rename(columns={"objective/val/acc_best": "val/acc_best"}).loc[
        :, lambda f: ~f.columns.duplicated()
    ]
    by_cell = grouped.groupby(keys, sort=False)
    tests = [name for name in table if name.startswith("test/") and not name.endswith("±")]
    assert len(tests) == 6 and len(table) == 18
    for name in tests:
        for theirs, ours in ((by_cell[name].mean(), table[name]), (by_cell[name].std(), table[f"{name} ±"])):
            assert (theirs.to_numpy() - ours.to_numpy() == 0).all(), name


def test_rows_and_columns_are_keys_and_the_marks_stay_those_of_all_cells(weights: Study) -> None:
    table = arranged(weights, MEAN, cols=("model",))
    assert titles(table) == [*WEIGHTS, "dense", "cnn"] and table.num_rows == 9
    long = arranged(weights, MEAN)
    marks, cnn = column(long, MEAN).marks, column(table, "cnn").marks
    models = column(long, "model").values
    assert [models[row] for row in marks.best] == ["cnn"]
    assert len(cnn.best) == 1 and column(table, "dense").marks.best == set()
    assert len(cnn.same) + len(column(table, "dense").marks.same) == len(marks.same)
    assert column(table, "cnn").values == tuple(
        value for model, value in zip(models, column(long, MEAN).values, strict=True) if model == "cnn"
    )
    assert table.notes[0] == f"The columns are values of model and show {MEAN}. n = 3 in each cell that lacks none."


def test_the_marks_of_a_real_column(weights: Study) -> None:
    """As computed by hand: of the multi-task cells of cnn, three are told apart from equal weights."""
    above_0 = [f"{key}={weight}" for key in WEIGHTS for weight in ("1", "0.5", "0.1")]
    above_0.remove("model.loss_weights.digit=0.5")
    table = arranged(weights, MEAN, where=("model=cnn", *above_0))
    vectors = list(zip(*(column(table, key).values for key in WEIGHTS), strict=True))
    marks = column(table, MEAN).marks
    assert table.num_rows == 6
    assert [vectors[row] for row in marks.best] == [(1, 1, 1)]
    assert {vectors[row] for row in marks.same} == {(1, 0.5, 0.5), (0.1, 1, 1)}


def test_several_metrics_have_a_column_each(weights: Study) -> None:
    table = arranged(weights, MEAN, "test/digit_acc", cols=("model",))
    assert titles(table)[3:] == [f"dense {MEAN}", "dense test/digit_acc", f"cnn {MEAN}", "cnn test/digit_acc"]


def test_where_chooses_trials_and_what_no_longer_varies_is_no_column(weights: Study) -> None:
    table = arranged(weights, MEAN, where=("model=cnn",))
    assert "model" not in titles(table) and table.num_rows == 9
    assert arranged(weights, MEAN, where=("model=cnn", "model=dense")).num_rows == 18
    assert arranged(weights, MEAN, where=("model=cnn", *(f"{key}=1" for key in WEIGHTS))).num_rows == 1


def test_sort_and_top(weights: Study) -> None:
    table = arranged(weights, MEAN, sort=MEAN, top=3)
    means = column(table, MEAN).values
    assert table.num_rows == 3 and list(means) == sorted(means, reverse=True)
    assert max(column(arranged(weights, MEAN), MEAN).values) == means[0]
    assert table.notes[-1] == "The first 3 of 18 rows; marks are those of all rows."
    errors = column(arranged(weights, "test/thickness_mae", sort="test/thickness_mae"), "test/thickness_mae").values
    assert list(errors) == sorted(errors)
    turned = column(arranged(weights, MEAN, sort=f"-{MEAN}"), MEAN).values
    assert list(turned) == sorted(turned)
    first = column(arranged(weights, MEAN, top=1), "val/acc_best").values
    assert first == (max(column(arranged(weights), "val/acc_best").values),)


def test_names_stand_for_headings_and_values(weights: Study) -> None:
    names = {WEIGHTS[0]: "digit", MEAN: "mean", "cnn": "CNN"}
    table = arranged(weights, MEAN, names=names)
    assert titles(table)[1:7] == ["digit", *WEIGHTS[1:], "n", "val/acc_best", "mean"]
    assert set(column(table, "model").values) == {"dense", "CNN"}
    assert titles(arranged(weights, MEAN, cols=("model",), names={"cnn": "CNN"})) == [*WEIGHTS, "dense", "CNN"]


REFUSED = [
    ({"rows": ("model",)}, (), f"Several cells would share a place: {', '.join(WEIGHTS)} vary, too."),
    (
        {"rows": ("modle",)},
        (),
        f"--rows=modle does not vary. What varies: model, {', '.join(WEIGHTS)}. Did you mean 'model'?",
    ),
    ({"cols": ("data",)}, (), f"--cols=data does not vary. What varies: model, {', '.join(WEIGHTS)}."),
    ({"sort": "test/mean"}, (), f"--sort=test/mean is no column. Columns: model, {', '.join(WEIGHTS)}, n, "),
    ({"top": 0}, (), "--top=0 shows nothing. At least 1."),
    ({"names": {"cmn": "CNN"}}, (), "--name=cmn is neither a heading nor a value of a key."),
    ({"names": {MEAN: "n"}}, (), "--name: two columns would be called 'n'."),
    ({}, ("model=cmn",), "--where=model=cmn: no trial has it. Values: dense, cnn. Did you mean 'cnn'?"),
    ({}, ("modle=cnn",), "--where=modle: no trial has such an override. Overrides: data, data/labels, "),
    ({}, ("model",), "--where=model has no value: KEY=VALUE."),
]


@pytest.mark.parametrize(("order", "where", "told"), REFUSED)
def test_what_cannot_be_shown_is_one_line(
    weights: Study, order: dict[str, object], where: tuple[str, ...], told: str
) -> None:
    with pytest.raises(StudyError) as refused:
        arranged(weights, MEAN, where=where, **order)
    assert str(refused.value).startswith(told)


def test_a_spread_and_a_label_that_there_are_not(weights: Study) -> None:
    with pytest.raises(StudyError, match=r"--spread=std is unknown\. Known: sd, se, ci\. Did you mean 'sd'\?"):
        table_of(Looked.at([weights]), Asked(spread="std"))
    with pytest.raises(StudyError, match=r"--label=a\}b has '\}'\."):
        table_of(Looked.at([weights]), Asked(label="a}b"))


def test_data_sets_as_columns_leave_no_gap_that_reads_like_a_number(tmp_path: Path) -> None:
    """Each data set has a metric of its own, and one cell has failed."""
    results: list[Result] = []
    for model, data, seed in itertools.product(("dense", "mlp"), ("digits", "multihead"), range(3)):
        name = "test/acc" if data == "digits" else "test/mean_acc"
        outcome = done(0.5 + seed / 10, metrics={name: 0.5 + seed / 10})
        is_lost = (model, data) == ("mlp", "multihead")
        ended = Failed(cause="timeout", detail="x") if is_lost else outcome
        results.append(({"model": model, "data": data, "seed": str(seed)}, ended))
    study = study_of(tmp_path, results, objectives=("val/acc",), directions=("maximize",))
    table = arranged(study, cols=("data",))
    assert titles(table) == [
        "model",
        "digits val/acc",
        "digits test/acc",
        "multihead val/acc",
        "multihead test/mean_acc",
    ]
    assert "Not marked, as a trial is missing: data=multihead model=mlp 0/3: 3 failed (timeout)." in table.notes
    for name, export in EXPORTS.items():
        assert b"nan" not in export.data(table).lower() or name == "parquet", name
    rows = list(csv.reader(io.StringIO(to_csv(table))))
    assert rows[2][0] == "mlp" and rows[2][-2:] == ["", ""]


def test_a_study_is_a_column_that_rows_may_leave_out_where_data_tells_it(tmp_path: Path) -> None:
    studies = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        points = [({"model": m, "data": name, "seed": str(s)}, done(0.5 + s / 9)) for m in "ab" for s in range(3)]
        studies.append(study_of(tmp_path / name, points))
        studies[-1].name = name
    table = table_of(Looked.at(studies), Asked(arrangement=Arrangement(rows=("model",), cols=("data",))))
    assert titles(table) == ["model", "first", "second"] and table.num_rows == 2
    assert titles(table_of(Looked.at(studies), Asked()))[:3] == ["data", "study", "model"]
    one = table_of(Looked.at(studies), Asked(where=["study=first"]))
    assert one.num_rows == 2 and "study" not in titles(one)


def test_the_same_data_has_the_same_bytes(weights: Study) -> None:
    for export in EXPORTS.values():
        assert export.data(arranged(weights, MEAN)) == export.data(arranged(weights, MEAN))


def test_the_caption_says_what_was_fixed(weights: Study) -> None:
    assert arranged(weights).caption == (
        "Study weights: 54 trials, 3 seeds (0, 1, 2). Fixed: data=multihead_mnist, data/labels=measured, "
        "model.size=tiny, trainer.max_epochs=1, data.batch_size=128."
    )
    assert table_of(Looked.at([weights]), Asked(caption="Mine.")).caption == "Mine."
    chosen = table_of(Looked.at([weights]), Asked(where=["model=cnn"]))
    assert chosen.caption == f"{arranged(weights).caption} Here: 27 trials of these, with model=cnn."
