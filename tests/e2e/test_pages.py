"""What a user sees in MLflow's pages, in a real browser with a fresh profile: the guard of every new MLflow."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.trial.files import StudyFiles
from tests.browser import KEYS, LINE, check_study, texts, waits
from tests.conftest import Commands, free_port
from tests.studies import run_in
from tests.sweeps.test_dashboard import make_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


Printed = Callable[..., str]


@pytest.fixture
def printed(commands: Commands) -> Iterator[Printed]:
    """Starts a command that serves pages, and gives the address that it prints."""
    started = []

    def opened(*arguments: str) -> str:
        started.append(commands.start("sweeps", *arguments, "--port", str(free_port())))
        assert started[-1].stdout is not None
        return next(line.strip() for line in started[-1].stdout if line.startswith("http"))

    yield opened
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)  # with the server's own processes


def test_the_printed_link_opens_the_trials_best_first_and_their_charts(
    commands: Commands, printed: Printed, browser: Any
) -> None:
    done = commands.run("train", *LINE)
    assert done.returncode == 0 and "MLflow:  sweeps ui weights" in done.stdout, done.stderr
    link = printed("ui", "weights", "--storage", "logs/studies")
    assert len(link) < 300
    check_study(browser, link, commands.run("sweeps", "table", "weights", "--trials").stdout, "best/val/score_best")


def test_two_studies_stand_in_one_table(commands: Commands, printed: Printed, browser: Any) -> None:
    uri, folder = f"sqlite:///{commands.folder}/mlflow.db", commands.folder
    for name, axes in {"wide": {"model": ["dense", "cnn"], "lr": ["0.1", "0.5"]}, "world": {"model": ["vit"]}}.items():
        study = run_in(folder, name, uri=uri, **axes)
        sync(study, connect(study, uri, "w"), StudyFiles(folder / "studies" / name))
    link = printed("ui", "wide", "world", "--storage", "studies")
    browser.get(link)
    waits(browser, 30, lambda: "5 matching runs" in " ".join(texts(browser, "body")).replace("\n", " "))
    body = texts(browser, "body")[0].splitlines()
    assert {"study", "best/acc", "model", "lr", "wide and world"} <= set(body)
    assert (body.count("wide"), body.count("world")) == (4, 1)


def test_optunas_dashboard_shows_the_model_first(commands: Commands, printed: Printed, browser: Any) -> None:
    url = f"sqlite:///{commands.folder}/studies.db"
    make_study(url)
    browser.get(printed("dashboard", "weights", "--storage", url))
    waits(browser, 30, lambda: "Hyperparameter Importance" in texts(browser, "body")[0])
    waits(browser, 30, lambda: len(browser.find_elements("css selector", ".js-plotly-plot")) >= 3)
    body = texts(browser, "body")[0].splitlines()
    assert "val/score_best" in body and "seed" not in body
    labels = [text for text in texts(browser, ".js-plotly-plot .yaxislayer-above text, .ytick text") if text]
    assert [name for name in labels if name in KEYS] == ["model.loss_weights.thickness", "model"]  # from below
