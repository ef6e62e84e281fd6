"""Launchers of Hydra's carry workers: each trial runs once, and the workers end with the command."""

import re
import shlex
import signal
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from tests.conftest import REPOSITORY, Commands, lines, wait_for
from tests.invariants import study

pytestmark = pytest.mark.long

PAGE = (REPOSITORY / "docs" / "clusters.md").read_text()
[JOBLIB] = re.findall(r"```sh joblib\n(.*)\n", PAGE)
POINTS = ("-m", "x=1,2,3,4,5,6", "study.slots=1")


def of_the_launcher(line: str) -> list[str]:
    return [word for word in shlex.split(line) if word.startswith(("hydra", "study.num_workers"))]


def executions(commands: Commands) -> list[str]:
    path = commands.folder / "executions.txt"
    return sorted(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else []


def check(commands: Commands, num_workers: int) -> None:
    """Each point ran once, and as many workers as were asked for had a part in it."""
    trials = study(commands).trials()
    values = [trial.outcome.values[0] for trial in trials if isinstance(trial.outcome, Completed)]
    assert values == [float(x**2) for x in range(1, 7)]
    assert {trial.attempt for trial in trials} == {1} and len({trial.worker for trial in trials}) == num_workers
    assert executions(commands) == [f"{x}" for x in range(1, 7)]


def test_a_line_of_the_page_brings_workers_that_share_a_study(commands: Commands) -> None:
    launcher = of_the_launcher(JOBLIB)
    assert launcher == ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "study.num_workers=2"]
    result = commands.run("fake", *POINTS, "study.name=s", "sleep_s=2", *launcher)
    assert result.returncode == 0, result.stderr
    check(commands, num_workers=2)
    told = result.stdout
    assert "[6/6] trial" in told and "Best:    trial 0, loss=1 (minimize)" in told
    logs = sorted((commands.folder / "studies/s/launched").glob("*/*/worker.log"))
    assert [log.parent.name for log in logs] == ["0", "1"] and all("6 trials" in log.read_text() for log in logs)
    assert str(logs[0].parents[1]) in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ("hydra/launcher=joblib", "hydra.launcher.backend=multiprocessing"),
        ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=9"),
    ],
    ids=" ".join,
)
def test_every_launcher_of_this_machine_carries_workers(commands: Commands, launcher: tuple[str, ...]) -> None:
    package = "submitit" if "submitit" in launcher[0] else "joblib"
    pytest.importorskip(f"hydra_plugins.hydra_{package}_launcher", reason=f"hydra-{package}-launcher is not installed")
    result = commands.run("fake", *POINTS, "study.name=s", "sleep_s=3", "study.num_workers=2", *launcher)
    assert result.returncode == 0, result.stderr
    check(commands, num_workers=2)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_workers_hand_back_where_the_command_is_ended(commands: Commands, launcher: str) -> None:
    line = ("study.name=s", "sleep_s=60", "study.num_workers=2", f"hydra/launcher={launcher}")
    process = commands.start("fake", *POINTS, *line)
    wait_for(lambda: len(executions(commands)) == 2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143 and lines(err)[-1] == "Interrupted. The same command continues the study."
    found = study(commands)
    assert found.counts() == {"open": 6, "running": 0, "done": 0}
    told = [event.why for event in found.events() if event.what == "handed back"]
    assert told == ["its worker was told to stop by SIGTERM"] * 2


@pytest.mark.slow
def test_workers_end_with_a_command_that_is_killed(commands: Commands) -> None:
    process = commands.start("fake", *POINTS, "study.name=s", "sleep_s=60", *of_the_launcher(JOBLIB))
    wait_for(lambda: len(executions(commands)) == 2)
    process.kill()
    process.wait()
    wait_for(lambda: study(commands).counts() == {"open": 6, "running": 0, "done": 0}, timeout_s=90)


def test_a_study_is_made_and_left_to_workers(commands: Commands, tmp_path: Path) -> None:
    result = commands.run("fake", *POINTS, "study.name=s", "study.submit=true")
    assert result.returncode == 0 and result.stderr == ""
    first, second = lines(result.stdout)
    assert first == "Study s: 6 trials. Minimizes loss. Nothing is trained here."
    [line] = re.findall(r"the storage: (sweeps worker .*)", second)
    assert study(commands).counts() == {"open": 6, "running": 0, "done": 0} and executions(commands) == []
    joined = commands.run(*shlex.split(line), "--slots", "3", "--trust")
    assert joined.returncode == 0, joined.stderr
    check(commands, num_workers=1)
