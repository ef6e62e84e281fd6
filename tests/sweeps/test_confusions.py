"""Tables of counts that trials have left, whoever wrote them, and what is drawn and told of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sweeps import cli
from sweeps.report.confusions import confusions_of
from sweeps.report.findings import Findings, trials_of
from sweeps.report.pictures import PICTURES
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from sweeps.trial.ownership import own_trial
from tests.studies import done, run_in, url

TABLE = {"name": "digit", "metric": "test/acc", "classes": ["a", "<b>"], "counts": [[3, 1], [0, 2]]}


def with_counts(folder: Path, *tables: Any) -> Study:
    """Four trials, of which the last one is the best; each has left these tables."""
    study = run_in(folder, "s", model=["dense", "cnn"], lr=["0.1", "0.2"])
    for trial in study.trials():
        files = StudyFiles(folder / "studies" / "s").trial(trial.number)
        assert trial.point is not None
        own_trial(files, trial.point.key)
        files.confusion.write_text(json.dumps({"tables": tables}))
    return study


def found(study: Study, folder: Path, *metrics: str) -> Findings:
    return Findings(studies=(study,), trials=trials_of([study]), files=(StudyFiles(folder),), metrics=metrics)


def test_the_best_trial_s_tables_are_drawn(tmp_path: Path) -> None:
    study = with_counts(tmp_path, TABLE, {**TABLE, "name": "year", "metric": "test/year_acc"})
    panels = list(PICTURES["confusion"].panels(found(study, tmp_path)))
    assert [panel.name for panel in panels] == ["digit, trial 3", "year, trial 3"]
    assert panels[0].note == "6 samples." and len(panels[0].draw().axes[0].patches) == 3
    (one,) = PICTURES["confusion"].panels(found(study, tmp_path, "test/year_acc"))
    assert one.key == "year"


def test_the_best_is_that_of_the_terminal_and_the_table(tmp_path: Path) -> None:
    """The trial of one head has the better score, which is another measure."""
    facts = {"directory": str(tmp_path / "s"), "objective": ["val/score"]}
    study = Study.create(Database(url(tmp_path)), "s", ["maximize"], facts)
    study.declare({}, {"val/score": ["val/a", "val/b"]})
    study.add([Point(overrides={"x": x}, varied=("x",)) for x in "12"])
    for value, metrics in ((0.9, {"val/a": 0.9}), (0.8, {"val/a": 0.8, "val/b": 0.8})):
        claim = study.claim("w", None)
        assert claim is not None
        files = StudyFiles(tmp_path / "s").trial(claim.number)
        own_trial(files, claim.point.key)
        Journal(files.directory).event("attempt", attempt=1)
        files.confusion.write_text(json.dumps({"tables": [TABLE]}))
        study.tell(claim, done(value, metrics=metrics))
        (panel,) = PICTURES["confusion"].panels(found(study, tmp_path))
        assert panel.name == f"digit, trial {claim.number}"


@pytest.mark.parametrize(
    "table",
    [
        *("text", {}, {**TABLE, "counts": [[1, 2]]}, {**TABLE, "counts": [[1, 2], [3]]}),
        *({**TABLE, "counts": [[0, 0], [0, 0]]}, {**TABLE, "counts": [[1, -1], [0, 0]]}),
        *({**TABLE, "counts": [[1, 0.5], [0, 0]]}, {**TABLE, "classes": "ab"}),
        {**TABLE, "counts": [[10**400, 0], [0, 0]]},
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_left_out(tmp_path: Path, table: Any) -> None:
    study = with_counts(tmp_path, table, TABLE)
    assert [each.name for each in confusions_of(study, study.trials()[0])] == ["digit"]


@pytest.mark.parametrize("text", ["", "[", "[]", "{}", '{"tables": 1}', "[" * 100_000, "\udcff"])
def test_a_file_that_says_nothing_gives_nothing(tmp_path: Path, text: str) -> None:
    study = with_counts(tmp_path)
    files = StudyFiles(tmp_path / "studies" / "s").trial(0)
    files.confusion.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert confusions_of(study, study.trials()[0]) == []


def test_a_kept_file_is_read_on_a_machine_that_has_only_the_database(tmp_path: Path) -> None:
    study = with_counts(tmp_path, TABLE)
    trial, files = study.trials()[3], StudyFiles(tmp_path / "studies" / "s").trial(3)
    Journal(files.directory).event("artifact", path="confusion.json")
    study.bundles.keep(3, trial.attempt, files)
    (tmp_path / "studies" / "s" / "trials").rename(tmp_path / "gone")
    (table,) = confusions_of(study, trial)
    assert table.counts == ((3, 1), (0, 2)) and table.share_of_most == pytest.approx(4 / 6)


def test_the_command_draws_one_by_name(tmp_path: Path) -> None:
    with_counts(tmp_path, TABLE, {**TABLE, "name": "year", "metric": "test/year_acc"}).database.engine.dispose()
    out = tmp_path / "c.svg"
    line = ["plot", "s", "confusion", "--key", "year", "--out", str(out), "--storage", str(tmp_path / "studies")]
    done = CliRunner().invoke(cli.app, line)
    assert done.exit_code == 0 and "year, trial 3. 6 samples." in done.stderr and out.read_bytes().startswith(b"<?xml")
