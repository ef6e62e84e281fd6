"""Several studies in one table, and on one page of a real MLflow server."""

import csv
import io
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient

from sweeps.cli.looking import compare
from sweeps.errors import StudyError
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking import experiment as experiments
from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.tracking.together import page_line, page_of_all
from sweeps.trial.files import StudyFiles
from tests.conftest import Commands
from tests.mlflow_server import Server
from tests.studies import run_in

Made = Callable[..., Study]


@pytest.fixture
def made(commands: Commands) -> Made:
    """Makes a study that has run."""

    return partial(run_in, commands.folder)


def compared(commands: Commands, *arguments: str) -> tuple[int, str, str]:
    done = commands.run("sweeps", "compare", *arguments, "--storage", "studies")
    return done.returncode, done.stdout, done.stderr


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_has_the_cells_of_both_and_says_whose_each_is(commands: Commands, made: Made) -> None:
    made("a")
    made("b", model=["cnn", "vit"], lr=["0.1", "0.5"], seed=["0"])
    code, out, err = compared(commands, "a", "b", "--format", "csv")
    rows = rows_of(out)
    assert code == 0 and err.startswith("MLflow: Study 'a' is not tracked")
    assert list(rows[0])[:5] == ["study", "model", "lr", "n", "acc"]
    assert [(row["study"], row["model"], row["lr"], row["n"]) for row in rows] == [
        ("a", "dense", "0.1", "2"), ("a", "cnn", "0.1", "2"),
        ("b", "cnn", "0.1", "1"), ("b", "cnn", "0.5", "1"), ("b", "vit", "0.1", "1"), ("b", "vit", "0.5", "1"),
    ]  # fmt: skip
    assert [row["acc"] for row in rows] == ["0.0625", "0.3125", "0.0", "0.125", "0.25", "0.375"]
    assert rows[0]["acc ±"] and not rows[2]["acc ±"]
    code, out, _ = compared(commands, "b", "a", "--trials", "--out", "both.csv")
    trials = rows_of((commands.folder / "both.csv").read_text())
    assert (code, out) == (0, "") and list(trials[0])[:3] == ["study", "trial", "state"]
    assert [row["study"] for row in trials] == ["b"] * 4 + ["a"] * 4


def test_an_axis_that_is_called_study_keeps_its_name(commands: Commands, made: Made) -> None:
    made("a", study=["x", "y"])
    made("b", study=["x"])
    rows = rows_of(compared(commands, "a", "b", "--format", "csv")[1])
    assert [(row["sweeps.study"], row["study"]) for row in rows] == [("a", "x"), ("a", "y"), ("b", "x")]


REFUSED = {
    ("a",): "a: a comparison needs two studies or more.",
    ("a", "b", "a"): "Study 'a' is named twice. A comparison needs different studies.",
    ("a", "loss"): "study.objective: 'a' has ['acc'], 'loss' has ['loss']. Compare alike.",
    ("a", "less"): "study.direction: 'a' has ['maximize'], 'less' has ['minimize']. Compare alike.",
}


def test_what_cannot_be_compared_is_one_line(commands: Commands, made: Made) -> None:
    for name, objective, way in (("a", "acc", "maximize"), ("b", "acc", "maximize"), ("loss", "loss", "maximize")):
        made(name, objective, way, model=["vit"])
    made("less", "acc", "minimize", model=["vit"])
    for names, told in REFUSED.items():
        with pytest.raises(StudyError) as refused:
            compare(list(names), storage=f"{commands.folder}/studies")
        assert str(refused.value) == told
    with pytest.raises(StudyError, match=r"--metric=test/ac was recorded by no trial\."):
        compare(["a", "b"], metric=["test/ac"], storage=f"{commands.folder}/studies")
    code, out, err = compared(commands, "a", "c", "--out", "t.csv")
    assert (code, out) == (2, "") and err.startswith("Error: There is no study 'c'. Studies: "), err
    assert len(err.splitlines()) == 1 and not (commands.folder / "t.csv").exists()


@pytest.mark.long
def test_one_link_shows_the_runs_of_both_best_first(commands: Commands, made: Made, server: Server) -> None:
    studies = [made("xa", uri=server.uri), made("xb", uri=server.uri, model=["vit"], lr=["0.1", "0.5"])]
    for study in studies:
        sync(study, connect(study, server.uri, "x"), StudyFiles(Path(study.facts["directory"])))
    code, _, err = compared(commands, "xa", "xb")
    (link,) = re.findall(r"^MLflow: (\S+)$", err, re.MULTILINE)
    assert code == 0 and link.startswith(server.uri) and len(link) < 300
    view = re.findall(r"viewStateShareKey=([^&]+)", link)[0]
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("x")
    record = json.loads(experiment.tags[f"mlflow.sharedViewState.{view}"])
    state = json.loads(record["state"])
    assert record["name"] == "xa and xb" and (state["orderByKey"], state["orderByAsc"]) == ("metrics.`best/acc`", False)
    assert state["selectedColumns"][:4] == ["tags.`study`", "metrics.`best/acc`", "params.`model`", "params.`lr`"]
    runs = client.search_runs([experiment.experiment_id], state["searchFilter"])
    assert sorted(run.data.tags["study"] for run in runs) == ["xa"] * 4 + ["xb"] * 2
    assert {run.data.tags["sweeps.role"] for run in runs} == {"trial"}
    assert compared(commands, "xb", "xa")[2] == err  # whoever is named first


def test_without_kept_views_the_link_names_the_best_runs(
    commands: Commands, made: Made, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [str(i) for i in range(24)]
    studies = [made(name, uri=server.uri, model=["vit"], seed=seeds) for name in ("ya", "yb")]
    for study in studies:
        sync(study, connect(study, server.uri, "y"), StudyFiles(Path(study.facts["directory"])))
    monkeypatch.setattr(experiments, "is_understood", lambda version: False)
    told: list[str] = []
    _, link = page_of_all(studies, None, told.append)
    assert len(re.findall(r"[0-9a-f]{32}", unquote(link))) == 30 and len(link) < 2000
    assert told == ["This version of MLflow shows the 30 best trials of them."]


def test_studies_that_share_no_page_say_so(commands: Commands, made: Made) -> None:
    silent, own = "http://127.0.0.1:9", f"sqlite:///{commands.folder}/mlflow.db"
    for name, uri in (("a", silent), ("aa", silent), ("b", silent), ("ab", own), ("ac", own)):
        made(name, uri=uri, model=["vit"])
    lines = {
        ("a", "b"): "The studies are in different experiments, which have no common page: a in a, b in b.",
        ("a", "ab"): "The studies are tracked at different places. --tracking=URI names one that has them all.",
        ("a", "aa"): "http://127.0.0.1:9 does not answer: Connection refused",
        ("ab", "ac"): f"sweeps ui --tracking {own} --storage sqlite:///{commands.folder}/studies/studies.db ab ac",
    }
    database = Database(f"sqlite:///{commands.folder}/studies/studies.db", is_view=True)
    for names, line in lines.items():
        assert page_line([Study(database, name) for name in names], None) == f"MLflow: {line}"
    assert not (commands.folder / "mlflow.db").exists()
