"""A trial whose task starts processes that train together: one of them speaks for it, and each continues."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps.outcome import Failed
from tests.foreign.runs import Application

pytestmark = pytest.mark.long

STRATEGIES = ["ddp", "ddp_fork"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pruned_trial_is_pruned_whichever_process_says_so(strategy: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "ranks")
    pruner = "+study.pruner={_target_: optuna.pruners.ThresholdPruner, upper: 2}"
    app.study("+x=1,5", f"+strategy={strategy}", "+epochs=30", "+study.slots=1", "+study.objective=loss", pruner)
    assert [(trial.state, trial.outcome.values) for trial in app.trials()] == [  # type: ignore[union-attr]
        ("completed", (1.0,)),
        ("pruned", (5.0,)),
    ]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_process_continues_at_the_same_epoch(strategy: str, tmp_path: Path) -> None:
    app = Application.named(tmp_path, "ranks")
    lines = app.study("+x=1", f"+strategy={strategy}", "+fault=dies", "+study.slots=1", "+study.objective=loss")
    ran = [line for line in lines if line.startswith("attempt 2")]
    assert ran == [f"attempt 2 rank {rank} epoch {epoch}" for rank in (0, 1) for epoch in (2, 3)]


def test_the_reason_of_a_failure_is_what_the_process_has_said(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "ranks")
    app.study("+x=1", "+strategy=ddp_fork", "+fault=raises", "+study.slots=1", code=1)
    [trial] = app.trials()
    assert isinstance(trial.outcome, Failed)
    assert (trial.outcome.cause, trial.outcome.detail) == (
        "nonfinite",
        "FloatingPointError: rank 0 is lost:\n  all is",
    )


def test_a_task_that_hands_sigterm_on_is_asked_alone(tmp_path: Path) -> None:
    app = Application.named(tmp_path, "hands_on")
    line = ("-m", "+x=1", "hydra/sweeper=sweeps", "+study.name=s", "+tracking.uri=null", "+study.slots=1")
    with subprocess.Popen(
        [sys.executable, *app.program, *line],
        cwd=tmp_path,
        env=app.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("ready.txt")) and time.monotonic() < deadline:
            time.sleep(0.1)
        asked_at = time.monotonic()
        command.send_signal(signal.SIGTERM)
        assert command.wait(60) == 143
    assert time.monotonic() - asked_at < 9, "it was asked once more, or killed"
    [heard] = tmp_path.rglob("heard.txt")
    assert heard.read_text() == "1"
