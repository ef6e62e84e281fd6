"""`sweeps.load_study`: a study in Python, and what `sweeps best` prints."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from typer.testing import CliRunner

import sweeps
from sweeps import cli
from sweeps.errors import StudyError
from sweeps.outcome import Failed
from sweeps.report.loaded import LoadedStudy
from tests.conftest import REPOSITORY
from tests.studies import done, study_of, url, weight_study

MEAN = "test/mean_acc"
HEADS = ("digit", "thickness", "smoothness")
WEIGHTS = [f"model.loss_weights.{head}" for head in HEADS]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedStudy]:
    folder = tmp_path_factory.mktemp("weights")
    weight_study(folder).database.engine.dispose()
    loaded = sweeps.load_study("weights", storage=url(folder))
    yield loaded
    loaded._study.database.engine.dispose()


def test_the_frame_has_a_number_per_head_and_weight(weights: LoadedStudy) -> None:
    frame = weights.frame()
    assert len(frame) == 54 and list(frame.columns[:5]) == ["trial", "state", "attempts", "duration_s", "cause"]
    sums = frame[WEIGHTS].sum(axis=1)
    assert set(sums.round(6)) == {1.0, 3.0, 2.0, 2.1, 1.2} and "model.loss_weights" not in frame
    assert all(pd.api.types.is_numeric_dtype(frame[f"test/{head}_acc"]) for head in HEADS)
    assert frame["objective/val/acc_best"].max() == pytest.approx(0.946, abs=1e-6)


def test_every_documented_column_is_there_and_no_other_one_of_ours(weights: LoadedStudy) -> None:
    page = (REPOSITORY / "docs/tables.md").read_text().split("## In Python")[1].split("## JSON")[0]
    documented = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    ours = [name for name in documented if name != "objective/NAME"]
    assert ours == list(weights.frame().columns[: len(ours)])


def test_the_table_is_text_a_frame_a_file_and_a_rich_display(weights: LoadedStudy, tmp_path: Path) -> None:
    table = weights.table(cols=["model"], metrics=[MEAN], names={"cnn": "CNN"})
    assert list(table.frame().columns) == [*WEIGHTS, "dense", "dense ±", "CNN", "CNN ±"]
    assert str(table.to("md")).startswith("| model.loss_weights.digit") and table.notes[0] in str(table.to("md"))
    assert str(table).startswith("model.loss_weights.digit") and table.notes[0] in str(table) == repr(table)
    assert "**0.738 ± 0.014**" in str(table) and "\x1b" not in str(table) and "<ins>" not in str(table)
    assert table._repr_html_().count("<tr") == 10 and "<strong>0.738 ± 0.014</strong>" in table._repr_html_()
    assert weights._repr_html_().count("<tr") == 19
    for suffix in ("md", "csv", "tex", "html", "json", "parquet"):
        table.save(tmp_path / f"t.{suffix}")
        assert (tmp_path / f"t.{suffix}").stat().st_size > 500
    assert pd.read_parquet(tmp_path / "t.parquet")["CNN"].tolist() == table.frame()["CNN"].tolist()
    assert (tmp_path / "t.csv").read_text() == table.to("csv")
    with pytest.raises(StudyError, match=r"--format=cvs is unknown\."):
        table.to("cvs")


def test_json_keeps_to_its_schema(weights: LoadedStudy) -> None:
    page = (REPOSITORY / "docs/tables.md").read_text().split("```json\n")[1].split("```")[0]
    schema = json.loads(page)
    jsonschema.Draft202012Validator.check_schema(schema)
    told = json.loads(weights.table(metrics=[MEAN]).to("json"))
    jsonschema.validate(told, schema)
    (best,) = [row for row in told["rows"] if row[MEAN]["mark"] == "best"]
    assert best["model"] == "cnn" and best[MEAN]["n"] == 3 and best[MEAN]["mean"] == pytest.approx(0.7383, abs=1e-4)
    assert told["columns"][6] == {"title": MEAN, "kind": "metric", "direction": "max"}
    told["rows"][0][MEAN]["mark"] = "bets"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, schema)


def test_a_page_escapes_what_it_shows(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "'<script>'"}, done(1.0)), ({"x": "2"}, done(2.0))])
    made = sweeps.load_study("s", url(tmp_path)).table(caption="<b>").to("html")
    assert isinstance(made, str) and "<script>" not in made and "&lt;script&gt;" in made and "<b>" not in made


def test_the_best_trial_with_its_checkpoint_and_the_pareto_set(tmp_path: Path) -> None:
    both = ("minimize", "maximize")
    study = study_of(tmp_path, [({"x": str(x)}, done(x, y)) for x, y in ((1.0, 2.0), (2.0, 1.0), (3.0, 3.0))],
                     objectives=("loss", "acc"), directions=both)  # fmt: skip
    study.remember("directory", str(tmp_path / "s"))
    checkpoints = tmp_path / "s/trials/002/checkpoints"
    checkpoints.mkdir(parents=True)
    for name in ("last.ckpt", "best.ckpt"):
        (checkpoints / name).write_bytes(b"x")
    first, third = sweeps.load_study("s", url(tmp_path)).best()
    assert (first.trial, dict(first.values), first.checkpoint) == (0, {"loss": 1.0, "acc": 2.0}, None)
    assert (third.trial, third.params, third.checkpoint) == (2, {"x": 3.0}, checkpoints / "best.ckpt")
    told = CliRunner().invoke(cli.app, ["best", "s", "--storage", url(tmp_path)]).stdout.splitlines()
    assert told == [
        "trial:      0, x=1.0",
        "values:     loss=1, acc=2 (minimize, maximize)",
        "again:      x=1.0",
        f"directory:  {tmp_path}/s/trials/000",
        "checkpoint: none on this machine",
        "trial:      2, x=3.0",
        "values:     loss=3, acc=3 (minimize, maximize)",
        "again:      x=3.0",
        f"directory:  {tmp_path}/s/trials/002",
        f"checkpoint: {checkpoints}/best.ckpt",
    ]


def test_with_replicates_the_best_is_of_the_best_cell(weights: LoadedStudy) -> None:
    (best,) = weights.best()
    assert best.params["model"] == "cnn" and [best.params[key] for key in WEIGHTS] == [1, 0.1, 0.1]
    told = CliRunner().invoke(cli.app, ["best", "weights", "--storage", str(weights._study.database.url)]).stdout
    assert told.startswith("Best of weights: model=cnn model.loss_weights=") and "over 3 seeds" in told


def test_a_study_without_a_value_has_no_best_trial(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, Failed(cause="error", detail="x"))])
    with pytest.raises(StudyError, match=r"No trial of study 's' has a value: 1 failed\."):
        sweeps.load_study("s", url(tmp_path)).best()
    with pytest.raises(StudyError, match=r"There is no study 't'\. Studies: s\."):
        sweeps.load_study("t", url(tmp_path))
    error = CliRunner().invoke(cli.app, ["best", "s", "--storage", url(tmp_path)]).exception
    assert str(error) == "No trial of study 's' has a value: 1 failed."


def test_importing_sweeps_waits_for_nothing_and_redact_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import sweeps.redact, sweeps; "
        "print(sorted({'numpy', 'pandas', 'typer', 'sqlalchemy'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(REPOSITORY)], capture_output=True, text=True, env=dict(os.environ)
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
    with pytest.raises(AttributeError, match="module 'sweeps' has no attribute 'load_studies'"):
        _ = sweeps.load_studies
