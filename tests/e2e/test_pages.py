"""What a user sees in MLflow's pages, in a real browser with a fresh profile: the guard of every new MLflow."""

import csv
import io
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mlflow import MlflowClient

from sweeps.tracking.follow import connect
from sweeps.tracking.sync import sync
from sweeps.trial.files import StudyFiles
from tests.conftest import Commands, wait_for
from tests.studies import run_in
from tests.sweeps.test_dashboard import make_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
KEYS = ("model", "model.loss_weights.thickness")
LINE = (
    *("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "model.loss_weights.thickness=0.1,0.5,1.0"),
    *("trainer.max_epochs=3", "study.name=weights"),
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    chromium, driver = (next(filter(None, map(shutil.which, names)), None) for names in (BROWSERS, DRIVERS))
    if not (chromium and driver):
        pytest.skip("no Chromium with its driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--window-size=1600,1000"),
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    made = webdriver.Chrome(options=options, service=Service(driver))
    yield made
    made.quit()


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "chromium-driver")
CHARTS = ".js-plotly-plot, .parcoords"
"""What draws curves, points and bars, and what draws parallel coordinates."""


WIDER_THAN_SHOWN = """
return [...document.querySelectorAll("*")].filter(element => element.scrollWidth > element.clientWidth + 1
    && element.clientWidth > 400 && ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
).map(element => element.className)
"""


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def texts(browser: Any, selector: str) -> list[str]:
    return [str(element.text).strip() for element in browser.find_elements("css selector", selector)]


def waits(browser: Any, seconds: float, what: Callable[[], bool]) -> None:
    try:
        wait_for(what, timeout_s=seconds)
    except Exception:
        print(browser.find_element("tag name", "body").text)
        browser.save_screenshot("failed.png")
        raise


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
    rows = list(csv.DictReader(io.StringIO(commands.run("sweeps", "table", "weights", "--trials").stdout)))
    values = {int(row["trial"]): float(row["objective/val/acc_best"]) for row in rows}

    browser.get(link)
    waits(browser, 20, lambda: "6 matching runs" in " ".join(texts(browser, "body")).replace("\n", " "))
    body = texts(browser, "body")[0]
    assert "Model training" in body
    names = [name for name in texts(browser, "[data-testid='runs-table-row'], .ag-row a") if name[:3].isdigit()]
    assert len(set(names)) == 6 and values[int(names[0][:3])] == max(values.values())
    for heading in ("best/val/acc_best", *KEYS):
        assert heading in body
    for link_of_run in browser.find_elements("css selector", ".ag-row a"):
        if str(link_of_run.text)[:3].isdigit():
            assert link_of_run.get_property("scrollWidth") <= link_of_run.get_property("clientWidth") + 1

    browser.get("about:blank")
    browser.get(f"{link}&compareRunsMode=CHART")
    waits(browser, 30, lambda: len(browser.find_elements("css selector", CHARTS)) >= 3)
    body = texts(browser, "body")[0]
    assert "val/acc_best of all trials" in body and "No charts in this section" not in body
    assert body.index("val/acc_best of all trials") < body.index("One value per trial")

    server, experiment = link.split("/#/")[0], link.split("/experiments/")[1].split("/")[0]
    runs = MlflowClient(server).search_runs([experiment])
    trials = [run.info.run_id for run in runs if run.data.tags["sweeps.role"] == "trial"]
    browser.get(f"{server}/#/compare-runs?runs={quote(json.dumps(trials))}&experiments=%5B%22{experiment}%22%5D")
    waits(browser, 30, lambda: "Comparing 6 Runs" in texts(browser, "body")[0])
    waits(browser, 30, lambda: "best/val/acc_best" in "".join(texts(browser, ".js-plotly-plot")))
    assert "x/model" not in "".join(texts(browser, ".js-plotly-plot"))

    (parent,) = (run.info.run_id for run in runs if run.data.tags["sweeps.role"] == "study")
    browser.get(f"{server}/#/experiments/{experiment}/runs/{parent}?workflowType=machine_learning")
    waits(browser, 30, lambda: "Best: trial" in texts(browser, "body")[0])
    assert browser.execute_script(WIDER_THAN_SHOWN) == []


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
    assert "val/acc_best" in body and "seed" not in body
    labels = [text for text in texts(browser, ".js-plotly-plot .yaxislayer-above text, .ytick text") if text]
    assert [name for name in labels if name in KEYS] == ["model.loss_weights.thickness", "model"]  # from below
