"""A real browser with a fresh profile, and what a study's pages have to show in it."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mlflow import MlflowClient

from tests.conftest import wait_for

KEYS = ("model", "model.loss_weights.thickness")
LINE = (
    *("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "model.loss_weights.thickness=0.1,0.5,1.0"),
    *("trainer.max_epochs=3", "study.name=weights"),
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "chromium-driver")
CHARTS = ".js-plotly-plot, .parcoords"
"""What draws curves, points and bars, and what draws parallel coordinates."""


WIDER_THAN_SHOWN = """
return [...document.querySelectorAll("*")].filter(element => element.scrollWidth > element.clientWidth + 1
    && element.clientWidth > 400 && ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
).map(element => element.className)
"""


def chromium(profile: Path) -> Iterator[Any]:
    """A browser until the generator goes on; skips the test where there is none."""
    program, driver = (next(filter(None, map(shutil.which, names)), None) for names in (BROWSERS, DRIVERS))
    if not (program and driver):
        pytest.skip("no Chromium with its driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = program
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--window-size=1600,1000"),
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    made = webdriver.Chrome(options=options, service=Service(driver))
    yield made
    made.quit()


def texts(browser: Any, selector: str) -> list[str]:
    return [str(element.text).strip() for element in browser.find_elements("css selector", selector)]


def waits(browser: Any, seconds: float, what: Callable[[], bool]) -> None:
    try:
        wait_for(what, timeout_s=seconds)
    except Exception:
        print(browser.find_element("tag name", "body").text)
        seen = Path(tempfile.gettempdir()) / "browser_failed.png"
        print(f"{seen}: {browser.save_screenshot(str(seen))}")
        raise


def check_study(browser: Any, link: str, table: str, compared: str | None) -> None:
    """Look at the pages of the study that `LINE` makes: table, charts, comparison and description.

    Args:
        browser: The browser.
        link: What was printed.
        table: What `sweeps table --trials` prints.
        compared: The metric that the page which compares runs begins with; None where that is the server's choice.
    """
    rows = list(csv.DictReader(io.StringIO(table)))
    values = {int(row["trial"]): float(row["objective/val/score_best"]) for row in rows}

    browser.get(link)
    waits(browser, 20, lambda: "6 matching runs" in " ".join(texts(browser, "body")).replace("\n", " "))
    body = texts(browser, "body")[0]
    assert "Model training" in body
    names = [name for name in texts(browser, "[data-testid='runs-table-row'], .ag-row a") if name[:3].isdigit()]
    assert len(set(names)) == 6 and values[int(names[0][:3])] == max(values.values())
    for heading in ("best/val/score_best", *KEYS):
        assert heading in body
    for link_of_run in browser.find_elements("css selector", ".ag-row a"):
        if str(link_of_run.text)[:3].isdigit():
            assert link_of_run.get_property("scrollWidth") <= link_of_run.get_property("clientWidth") + 1

    browser.get("about:blank")
    browser.get(f"{link}&compareRunsMode=CHART")
    waits(browser, 30, lambda: len(browser.find_elements("css selector", CHARTS)) >= 3)
    body = texts(browser, "body")[0]
    assert "val/score_best of all trials" in body and "No charts in this section" not in body
    assert body.index("val/score_best of all trials") < body.index("One value per trial")

    server, experiment = link.split("/#/")[0], link.split("/experiments/")[1].split("/")[0]
    runs = MlflowClient(server).search_runs([experiment])
    trials = [run.info.run_id for run in runs if run.data.tags["sweeps.role"] == "trial"]
    browser.get(f"{server}/#/compare-runs?runs={quote(json.dumps(trials))}&experiments=%5B%22{experiment}%22%5D")
    waits(browser, 30, lambda: "Comparing 6 Runs" in texts(browser, "body")[0])
    waits(browser, 30, lambda: (compared or KEYS[1]) in "".join(texts(browser, ".js-plotly-plot")))
    assert "x/model" not in "".join(texts(browser, ".js-plotly-plot"))

    (parent,) = (run.info.run_id for run in runs if run.data.tags["sweeps.role"] == "study")
    browser.get(f"{server}/#/experiments/{experiment}/runs/{parent}?workflowType=machine_learning")
    waits(browser, 30, lambda: "Best: trial" in texts(browser, "body")[0])
    assert browser.execute_script(WIDER_THAN_SHOWN) == []
