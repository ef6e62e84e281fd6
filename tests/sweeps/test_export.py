"""What `sweeps table` writes: for people, for programs, and what it answers when it cannot."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sweeps import cli
from sweeps.errors import StudyError
from sweeps.outcome import Failed
from sweeps.report.export import EXPORTS, to_csv, to_markdown
from sweeps.report.tables import Column, Marks, Table
from sweeps.report.texts import texts_of
from tests.studies import done, study_of, url

TABLE = Table(
    columns=(
        Column(title="model", kind="key", values=("cnn", "vit", None)),
        Column(title="lr", kind="key", values=(0.5, 1, "")),
        Column(title="n", kind="count", values=(3, 1, 2), numbers=(3, 1, 3)),
        Column(
            title="val/acc",
            kind="metric",
            values=(1 / 3, 0.25, 1 / 3),
            spreads=(0.012345, None, 0.0),
            numbers=(3, 1, 2),
            direction="max",
            marks=Marks(best=frozenset({0, 2}), same=frozenset({1})),
        ),
        Column(title="test/mae", kind="metric", values=(2.0, None, 12.5), spreads=(0.5, None, 0.25), numbers=(3, 0, 2)),
        Column(title="parameters", kind="size", values=(421834, None, 7)),
        Column(title="seconds", kind="seconds", values=(799.5, 0.04, None)),
    )
)
MARKDOWN = """\
| model   | lr   |   n |           val/acc |     test/mae |   parameters |   seconds |
|:--------|:-----|----:|------------------:|-------------:|-------------:|----------:|
| cnn     | 0.5  |   3 | **0.333 ± 0.012** |  2.00 ± 0.50 |      421,834 |     799.5 |
| vit     | 1    |   1 |  <ins>0.250</ins> |            - |              |       0.0 |
| null    |      | 2/3 | **0.333 ± 0.000** | 12.50 ± 0.25 |            7 |           |"""


def test_markdown_is_for_people() -> None:
    assert to_markdown(TABLE) == MARKDOWN


def test_caption_and_notes_stand_below_the_markdown_table_in_one_line_each() -> None:
    table = replace(TABLE, caption="All of\nit.", notes=("First.", "Sec\nond."))
    assert EXPORTS["md"].data(table).decode() == f"{MARKDOWN}\n\nTable: All of it.\n\nFirst.\n\nSec ond.\n"


@pytest.mark.parametrize(
    ("means", "spreads", "texts"),
    [
        # Without a spread: four decimals, or four digits where four decimals say nothing.
        ((1e-05, 2e-05), (), ["1e-05", "2e-05"]),
        ((0.0123, 0.5), (), ["0.0123", "0.5000"]),
        ((0.0, 3.0), (), ["0.0000", "3.0000"]),
        ((-1e308, 1.5), (), ["-1e+308", "1.5"]),
        ((1234567.0, 1234568.0), (), ["1.235e+06", "1.235e+06"]),
        # With one: two digits of it, and the mean to the same place.
        ((571.5498, 92.2095), (258.1491, 3.25), ["570 ± 260", "92.2 ± 3.2"]),
        ((0.95273, 0.37312), (0.00123, 0.16632), ["0.9527 ± 0.0012", "0.37 ± 0.17"]),
        ((0.00123, 0.00124), (0.00001, 0.00002), ["0.001230 ± 0.000010", "0.001240 ± 0.000020"]),
        ((0.5, 0.25), (0.0996, None), ["0.50 ± 0.10", "0.25"]),
        ((0.5, 0.25), (0.0, 0.0), ["0.5000 ± 0.0000", "0.2500 ± 0.0000"]),
        ((0.5, 0.25), (0.0, 0.031), ["0.500 ± 0.000", "0.250 ± 0.031"]),
        ((1.5e-9, 0.25), (2e-11, None), ["(1.500 ± 0.020)e-9", "2.50000000000e-1"]),
        ((1234567.0,), (4321.0,), ["(1.2346 ± 0.0043)e6"]),
        ((math.inf, math.nan), (None, None), ["inf", "nan"]),
        ((-0.0001,), (0.012,), ["0.000 ± 0.012"]),
    ],
)
def test_numbers_have_the_digits_that_their_spread_has(
    means: tuple[float, ...], spreads: tuple[float | None, ...], texts: list[str]
) -> None:
    assert texts_of(Column(title="loss", kind="metric", values=means, spreads=spreads)) == texts


def test_csv_has_every_digit_and_no_bold() -> None:
    head, *rows = csv.reader(io.StringIO(to_csv(TABLE)))
    assert head == [
        "model",
        "lr",
        "n",
        "n of",
        "val/acc",
        "val/acc ±",
        "test/mae",
        "test/mae ±",
        "parameters",
        "seconds",
    ]
    assert rows == [
        ["cnn", "0.5", "3", "3", repr(1 / 3), "0.012345", "2.0", "0.5", "421834", "799.5"],
        ["vit", "1", "1", "1", "0.25", "", "", "", "", "0.04"],
        ["null", "", "2", "3", repr(1 / 3), "0.0", "12.5", "0.25", "7", ""],
    ]
    assert float(rows[0][4]) == 1 / 3


def test_csv_quotes_what_needs_it() -> None:
    table = Table(columns=(Column(title="widths", kind="key", values=([64, 32], 'a "b", c')),))
    assert list(csv.reader(io.StringIO(to_csv(table)))) == [["widths"], ["[64, 32]"], ['a "b", c']]


@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_is_a_file(name: str) -> None:
    export = EXPORTS[name]
    assert export.suffix.startswith(".") and export.description
    assert export.data(TABLE)


def test_a_format_of_text_ends_with_one_newline() -> None:
    assert EXPORTS["md"].data(TABLE).decode() == f"{MARKDOWN}\n"
    assert EXPORTS["csv"].data(TABLE).decode() == to_csv(TABLE)


def sweeps_table(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(cli.app, ["table", "s", "--storage", url(folder), *options])


def parsed(folder: Path, *options: str) -> list[dict[str, str]]:
    result = sweeps_table(folder, *options)
    assert result.exit_code == 0, result.exception
    return list(csv.DictReader(io.StringIO(result.stdout)))


AXES = ("loss", "state", "n", "seconds", "parameters", "num_parameters", "trial", "duration_s", "cause", "attempts")


@pytest.mark.parametrize("axis", AXES)
def test_every_command_takes_an_axis_with_the_name_of_a_column_or_metric(tmp_path: Path, axis: str) -> None:
    metrics = {"loss": 0.75, "num_parameters": 10.0, axis: 8.0}
    study_of(tmp_path, [({axis: value}, done(0.75, metrics=metrics, duration_s=3.0)) for value in ("a", "b")])
    values = ["0.75" if axis == "loss" else "8.0"] * 2
    shown = sweeps_table(tmp_path)
    assert shown.exit_code == 0 and f"| {axis} " in shown.stdout
    rows = parsed(tmp_path, "--format", "csv", "--metric", axis)
    assert [row[axis] for row in rows] == ["a", "b"]
    assert [row["objective/loss" if axis == "loss" else f"metric/{axis}"] for row in rows] == values
    assert [row["study/n" if axis == "n" else "n"] for row in rows] == ["1"] * 2
    rows = parsed(tmp_path, "--trials")
    assert [row[axis] for row in rows] == ["a", "b"] and [row[f"metric/{axis}"] for row in rows] == ["8.0"] * 2
    assert [row["study/state" if axis == "state" else "state"] for row in rows] == ["completed"] * 2


def test_the_trials_are_written_with_all_that_is_known(tmp_path: Path) -> None:
    failed = Failed(cause="crash", detail="killed", duration_s=2.0)
    study_of(tmp_path, [({"x": "1"}, done(0.5, metrics={"loss": 0.5})), ({"x": "0.25"}, failed), ({"x": "3"}, None)])
    assert sweeps_table(tmp_path, "--trials").stdout.splitlines() == [
        "trial,state,attempts,duration_s,cause,x,objective/loss,loss",
        "0,completed,1,1.0,,1,0.5,0.5",
        "1,failed,1,2.0,crash,0.25,,",
        "2,open,0,,,3,,",
    ]


def test_a_file_holds_what_the_terminal_shows(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, done(0.5)), ({"x": "2"}, done(0.25))])
    for name in EXPORTS:
        path = tmp_path / "tables" / name
        assert sweeps_table(tmp_path, "--format", name, "--out", str(path)).stdout == ""
        assert path.read_bytes() == sweeps_table(tmp_path, "--format", name).stdout_bytes
    assert sweeps_table(tmp_path).stdout.splitlines()[2:] == [
        "| 1   |   1 | 0.5000 |",
        "| 2   |   1 | 0.2500 |",
        "",
        "Table: Study s: 2 trials.",
        "",
        "No marks: a comparison needs two cells that lack no seed of at least three (study.replicates).",
    ]


def test_help_and_error_name_every_format(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, done(0.5))])
    text = " ".join(CliRunner().invoke(cli.app, ["table", "--help"]).stdout.replace("│", " ").split())
    for name, export in EXPORTS.items():
        assert f"{name}: {export.description}" in text
    error = sweeps_table(tmp_path, "--format", "cvs").exception
    assert isinstance(error, StudyError)
    assert str(error) == f"--format=cvs is unknown. Known: {', '.join(EXPORTS)}. Did you mean 'csv'?"


def test_the_name_of_the_file_says_its_format(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, done(0.5))])
    for suffix, format in ((".csv", "csv"), (".md", "md"), ("", "md")):
        path = tmp_path / f"table{suffix}"
        assert sweeps_table(tmp_path, "--out", str(path)).exit_code == 0
        assert path.read_bytes() == sweeps_table(tmp_path, "--format", format).stdout_bytes
    odd = tmp_path / "table.doc"
    with pytest.raises(StudyError, match=r"no format ends in \.doc\. --format=FORMAT chooses one: md, csv, latex"):
        raise sweeps_table(tmp_path, "--out", str(odd)).exception  # type: ignore[misc]
    assert not odd.exists()
    assert sweeps_table(tmp_path, "--out", str(odd), "--format", "csv").exit_code == 0
    with pytest.raises(StudyError, match=r"--trials is written as csv"):
        raise sweeps_table(tmp_path, "--trials", "--out", str(tmp_path / "t.md")).exception  # type: ignore[misc]


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, done(0.5))])
    error = sweeps_table(tmp_path, "--trials", "--format", "md").exception
    assert str(error) == "--format=md is for the benchmark table; --trials is written as csv."
    assert sweeps_table(tmp_path, "--trials", "--format", "csv").exit_code == 0
    error = sweeps_table(tmp_path, "--out", str(tmp_path)).exception
    assert isinstance(error, StudyError) and str(error) == f"--out={tmp_path}: Is a directory."


def test_a_metric_that_nobody_recorded_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, done(0.5, metrics={"test/acc": 0.5}))])
    assert sweeps_table(tmp_path, "--metric", "loss").exit_code == 0  # was returned
    error = sweeps_table(tmp_path, "--metric", "test/ac").exception
    assert isinstance(error, StudyError)
    assert str(error) == (
        "--metric=test/ac was recorded by no trial. Recorded: loss, test/acc. Did you mean 'test/acc'?"
    )


def test_only_a_study_without_an_ended_trial_has_no_table(tmp_path: Path) -> None:
    study_of(tmp_path, [({"state": "1"}, None)])
    assert str(sweeps_table(tmp_path).exception) == "Study 's' has no trial yet that has ended."


def test_markdown_has_no_more_digits_than_tell_the_rows_apart() -> None:
    drawn = (0.00034567891234567, 0.123456789012345, 1.0, 1e-05, "adam", 3)
    table = Table(columns=(Column(title="lr", kind="key", values=drawn),))
    assert [line.strip("| ") for line in to_markdown(table).splitlines()[2:]] == [
        "0.00034568", "0.12346", "1.0", "1e-05", "adam", "3",
    ]  # fmt: skip
    assert "0.123456789012345" in to_csv(table)
    close = (0.1234567801, 0.1234567802, 0.5)
    table = Table(columns=(Column(title="lr", kind="key", values=close),))
    assert [line.strip("| ") for line in to_markdown(table).splitlines()[2:]] == ["0.1234567801", "0.1234567802", "0.5"]


def test_a_heading_of_markdown_has_no_plus_where_it_is_clear_without() -> None:
    def titles(*keys: str) -> list[str]:
        columns = (
            *(Column(title=key, kind="key", values=("1",)) for key in keys),
            Column(title="n", kind="count", values=(1,)),
        )
        made = to_markdown(Table(columns=columns)).splitlines()[0]
        return [title.strip() for title in made.strip("|").split("|")]

    assert titles("+x", "++y.z", "a") == ["x", "y.z", "a", "n"]
    assert titles("+x", "x") == ["+x", "x", "n"] and titles("+n", "~x") == ["+n", "~x", "n"]
    table = Table(columns=(Column(title="+x", kind="key", values=("1",)),))
    assert to_csv(table).startswith("+x\n")


def test_a_cell_of_csv_is_no_formula() -> None:
    values = ("=1+1", "@x", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "-0.5", "plain", -0.5, None)
    table = Table(
        columns=(
            Column(title="+model.x", kind="key", values=values),
            Column(title="=evil()", kind="key", values=("",) * len(values)),
        )
    )
    head, *rows = csv.reader(io.StringIO(to_csv(table)))
    assert head == ["+model.x", "'=evil()"]
    assert [row[0] for row in rows] == [
        "'=1+1", "'@x", "'+cmd|' /C calc'!A0", "'-2+3", "'\t=1", "-0.5", "plain", "-0.5", "null",
    ]  # fmt: skip


def test_a_cell_of_markdown_stays_one() -> None:
    table = Table(columns=(Column(title="a|b", kind="key", values=("x|y\nz", "[/data]")),))
    made = to_markdown(table).splitlines()
    assert len(made) == 4 and "a\\|b" in made[0] and "x\\|y z" in made[2] and "[/data]" in made[3]
    assert all(line.count("|") - line.count("\\|") == 2 for line in made)


def test_rows_of_trials_are_no_formulas_either(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "'=1+1'"}, done(1.0)), ({"x": "-3"}, done(2.0))])
    from sweeps.report.export import trials_to_csv
    from sweeps.report.frame import trial_frame

    rows = list(csv.DictReader(io.StringIO(trials_to_csv(trial_frame(study)))))
    assert [row["x"] for row in rows] == ["'=1+1", "-3"]
