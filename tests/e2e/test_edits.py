"""Configuration files that are edited while a sweep runs: its trials have them as they were, whoever runs them."""

import shutil
import subprocess

import psutil
import pytest

from tests.conftest import FAKES, Commands, lines, wait_for
from tests.e2e.test_changes import NETS, net, project, ran, study, values

pytestmark = pytest.mark.long

LINE = ("-m", "x=1,2", "net=small,wide", "sleep=2", "study.name=s")
TRUE = [1, 5, 2, 10]


def edit(commands: Commands) -> None:
    for name in NETS:
        net(commands, name, "scale: 100\n")


def started(commands: Commands, program: str, *more: str) -> subprocess.Popen[str]:
    """A sweep whose first trial runs."""
    project(commands.folder)
    process = commands.start("python", program, *LINE, *more)
    wait_for(lambda: (commands.folder / "ran.txt").exists(), timeout_s=100)
    return process


def told(err: str) -> list[str]:
    return [line.partition(" were ")[0] for line in lines(err) if "edited while this ran" in line]


def test_trials_of_a_launcher_that_starts_processes_of_its_own(commands: Commands) -> None:
    for name in ("launched.py", "launcher.py"):
        shutil.copy(FAKES / name, commands.folder)
    process = started(commands, "launched.py", "hydra/launcher=subprocesses")
    edit(commands)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0 and values(study(commands).trials()) == TRUE, err
    assert told(err) == ["net/small, net/wide"]


@pytest.mark.slow
def test_trials_of_a_worker_that_has_joined_before(commands: Commands) -> None:
    process = started(commands, "app.py", "sleep=8")  # until the other one has started, too
    worker = commands.start("sweeps", "worker", "s")
    wait_for(lambda: len({trial.worker for trial in study(commands).trials() if trial.worker}) == 2, timeout_s=100)
    edit(commands)
    process.kill()  # what is left is the worker's
    process.communicate()
    _, err = worker.communicate(timeout=200)
    assert worker.returncode == 0 and values(study(commands).trials()) == TRUE, err
    assert told(err) == []  # it composes from what the study keeps


def kill_server(process: subprocess.Popen[str]) -> None:
    """The fork server is the one child of the command that has children of its own."""
    servers = [child for child in psutil.Process(process.pid).children() if child.children()]
    assert len(servers) == 1
    servers[0].kill()


def test_trials_of_a_fork_server_that_was_started_after_the_edit(commands: Commands) -> None:
    process = started(commands, "app.py")
    edit(commands)
    kill_server(process)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0 and values(study(commands).trials()) == TRUE, err
    assert len(ran(commands)) == 5 and all("100" not in line for line in ran(commands))
