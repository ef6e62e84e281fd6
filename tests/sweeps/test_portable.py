"""A study whose tables are made from a real MLflow server alone."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sweeps import cli
from sweeps.errors import StudyError
from sweeps.report.asked import Looked
from sweeps.report.portable import Portable
from sweeps.tracking.elsewhere import study_on
from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.trial.files import StudyFiles
from tests.conftest import Commands
from tests.mlflow_server import Server
from tests.studies import done, run_in, study_of, weight_study


def test_the_server_alone_gives_the_same_tables(tmp_path: Path, server: Server) -> None:
    axes = {"model": ["cnn", "vit"], "lr": ["0.1", "null"], "seed": ["0", "1", "2"]}
    study = run_in(tmp_path, "ma", uri=server.uri, **axes)
    study.declare({"test/acc": "max"})
    sync(study, connect(study, server.uri, "m"), StudyFiles(Path(study.facts["directory"])))
    for options in ((), ("--format", "json", "--cols", "model"), ("--trials",), ("--seconds", "--where", "lr=null")):
        here = _table("ma", "--storage", str(tmp_path / "studies"), *options)
        there = _table("ma", "--from-mlflow", server.uri, *options)
        assert here == there and len(here) > 100, options


def test_what_the_server_has_not_is_told(tmp_path: Path, server: Server) -> None:
    with pytest.raises(StudyError, match=r"^The server has no study 'mc'\. Studies: "):
        study_on(server.uri, ["mc"])
    begun = study_of(tmp_path, [({"lr": "0.1"}, done(1.0)), ({"lr": "0.2"}, None)], name="begun")
    sync(begun, connect(begun, server.uri, "m"), StudyFiles(tmp_path / "s"))
    with pytest.raises(StudyError, match=r"^Study 'begun' has no trials\.json there: it has not ended, "):
        study_on(server.uri, ["begun"])


def test_a_server_that_is_silent_is_one_line(commands: Commands) -> None:
    silent = commands.run("sweeps", "table", "ma", "--from-mlflow", "http://127.0.0.1:9")
    assert silent.returncode == 2 and len(silent.stderr.splitlines()) == 1
    assert silent.stderr.startswith("Error: --from-mlflow=http://127.0.0.1:9 does not answer: ")


def _table(*words: str) -> str:
    ran = CliRunner().invoke(cli.app, ["table", *words], catch_exceptions=False)
    assert ran.exit_code == 0 and ran.stderr == ""
    return ran.stdout


def test_nothing_of_the_trials_is_lost(tmp_path: Path) -> None:
    portable = Looked.at([weight_study(tmp_path)]).portable()
    content = portable.to_json()
    again = Portable.from_json(content)
    assert again.to_json() == content and again.name == "weights"
    for name in ("own", "overrides", "objectives", "metrics"):
        ours, theirs = getattr(again.trials, name), getattr(portable.trials, name)
        assert ours.equals(theirs) or ours.astype(object).equals(theirs.astype(object)), name
    assert again.trials.varied == portable.trials.varied and again.trials.directions == portable.trials.directions


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version": 1, "cells": 3}'])
def test_another_file_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(StudyError, match=r"trials\.json is not a study's: "):
        Portable.from_json(content)


def test_a_later_version_is_refused() -> None:
    with pytest.raises(StudyError, match=r"trials\.json is of version 2; this version of sweeps reads 1\."):
        Portable.from_json(json.dumps({"version": 2}))
