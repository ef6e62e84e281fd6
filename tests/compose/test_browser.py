"""The pages of a study on the servers of compose.yaml, in a real browser."""

from typing import Any

from tests.browser import LINE, check_study
from tests.compose.stack import Stack


def test_the_printed_link_opens_the_study_on_the_shared_servers(stack: Stack, browser: Any) -> None:
    shown = stack.good("train", *LINE)
    link = next(line.split()[1] for line in shown.splitlines() if line.startswith("MLflow:"))
    assert link.startswith(stack.environment["MLFLOW_TRACKING_URI"])
    # MLflow gives metrics in PostgreSQL's order, which follows their last changes; swept numbers come last there, too.
    check_study(browser, link, stack.good("sweeps", "table", "weights", "--trials"), compared=None)
