"""`study.isolation=inline`: a process runs one trial after another, and each promise of a trial holds."""

import json
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sweeps.outcome import Completed, Failed
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import events
from sweeps.worker.inline import IDLE
from sweeps.worker.job import Job
from sweeps.worker.leftovers import Found
from sweeps.worker.reusing import Reusing
from tests.conftest import Commands
from tests.invariants import alive_in, check_invariants, study

APP = """
import os, random, signal, subprocess, sys, threading, time
from pathlib import Path

import hydra

SEEN = []


@hydra.main(config_path="conf", config_name="app")
def main(cfg):
    with Path("executions.txt").open("a") as file:
        file.write(f"{cfg.x} {os.getpid()} {random.random()} {os.environ.get('LEFT')} {len(SEEN)} {os.getcwd()}\\n")
    SEEN.append(cfg.x)
    os.environ["LEFT"] = "something"
    sys.path.insert(0, "/left")
    print(f"says {cfg.x}")
    match cfg.does.get(str(cfg.x)):
        case "raise":
            raise ValueError("wrong shape")
        case "kill" if not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(600)
        case "thread":
            threading.Thread(target=time.sleep, args=(600,)).start()
        case "child":
            subprocess.Popen(["sleep", "600"])
        case "chdir":
            os.chdir("/")
    return cfg.x**2


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults: [{study: sweeps}, {tracking: sweeps}, _self_, {override hydra/sweeper: sweeps}]
x: 1
does: {}
study: {objective: loss, direction: minimize, directory: "${hydra:runtime.cwd}/studies", slots: 1, isolation: inline}
tracking: {uri: null}
"""


def run(commands: Commands, *line: str) -> list[list[str]]:
    """Run six points; returns what each execution has noted."""
    (commands.folder / "conf").mkdir()
    (commands.folder / "conf/app.yaml").write_text(CONFIG)
    (commands.folder / "app.py").write_text(APP)
    done = commands.run("python", "app.py", "-m", "x=1,2,3,4,5,6", "study.name=s", *line)
    assert done.returncode in (0, 1), done.stderr
    assert alive_in(commands) == []
    return [text.split(" ", 5) for text in (commands.folder / "executions.txt").read_text().splitlines()]


def test_trials_of_a_slot_share_a_process_that_each_finds_as_the_first_did(commands: Commands) -> None:
    noted = run(commands, "+does.3=chdir")
    check_invariants(commands, 6)
    assert [x for x, *_ in noted] == ["1", "2", "3", "4", "5", "6"]
    assert len({pid for _, pid, *_ in noted}) == 1
    assert len({random for _, _, random, *_ in noted}) == 6  # as in a process of its own, where nothing is seeded
    assert {left for _, _, _, left, *_ in noted} == {"None"}
    assert [num for *_, num, _ in noted] == ["0", "1", "2", "3", "4", "5"]  # what the page says of globals
    assert {directory for *_, directory in noted} == {str(commands.folder)}
    for number in range(6):
        own = StudyFiles.of(commands.folder / "studies", "s").trial(number)
        assert own.log.read_text() == f"says {number + 1}\n"
        assert json.loads(own.owner.read_text())["point"]
        assert [event["attempt"] for event in events(own.journal, "attempt")] == [1]
        assert f"- x={number + 1}\n" in (own.directory / ".hydra/overrides.yaml").read_text()


@pytest.mark.long
@pytest.mark.parametrize("does", ["raise", "thread", "child"])
def test_a_trial_that_fails_or_leaves_something_running_ends_its_process(commands: Commands, does: str) -> None:
    noted = run(commands, f"+does.3={does}", "study.max_retries=0")
    outcomes = [trial.outcome for trial in study(commands).trials()]
    assert [type(outcome) for outcome in outcomes].count(Completed) == (5 if does == "raise" else 6)
    pids = [pid for _, pid, *_ in noted]
    assert pids == [pids[0]] * 3 + [pids[3]] * 3 and pids[0] != pids[3]


def test_a_killed_process_takes_its_own_trial_alone(commands: Commands) -> None:
    noted = run(commands, "+does.3=kill")
    check_invariants(commands, 6)
    assert Counter(x for x, *_ in noted) == {"1": 1, "2": 1, "3": 2, "4": 1, "5": 1, "6": 1}
    assert [trial.attempt for trial in study(commands).trials()] == [1, 1, 2, 1, 1, 1]
    assert len({pid for _, pid, *_ in noted}) == 2


def test_a_limit_of_time_is_of_each_trial(commands: Commands) -> None:
    noted = run(commands, "+does.3=hang", "study.trial_timeout_s=4", "study.max_retries=0")
    outcomes = [trial.outcome for trial in study(commands).trials()]
    assert [outcome.cause for outcome in outcomes if isinstance(outcome, Failed)] == ["timeout"]
    assert sum(isinstance(outcome, Completed) for outcome in outcomes) == 5 and len(noted) == 6


def test_a_limit_of_memory_is_refused(commands: Commands) -> None:
    done = commands.run("fake", "-m", "x=1,2", "study.name=s", "study.isolation=inline", "study.trial_memory_gb=1")
    assert (done.returncode, commands.made()) == (2, [])
    assert done.stderr == (
        "Error: study.trial_memory_gb=1.0 needs a process of its own for each trial: with study.isolation=inline its"
        " memory holds what earlier trials have left. Leave one of them out.\n"
    )


def test_an_unknown_isolation_is_answered_with_the_nearest(commands: Commands) -> None:
    done = commands.run("fake", "-m", "x=1,2", "study.name=s", "study.isolation=inlin")
    assert (done.returncode, commands.made()) == (2, [])
    assert done.stderr == "Error: study.isolation=inlin is unknown. Known: process, inline. Did you mean 'inline'?\n"


def in_fork(check: Callable[[], None]) -> None:
    """Run a check in a process that has neither threads nor children of other tests."""
    process = multiprocessing.get_context("fork").Process(target=check)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_what_a_trial_changes_in_its_process_is_put_back(tmp_path: Path) -> None:
    def check() -> None:
        os.chdir(tmp_path)
        found, before = Found(), (dict(os.environ), list(sys.path), list(sys.argv), sys.stdout, signal.getsignal(15))
        os.environ["LEFT"] = "x"
        del os.environ["PATH"]
        sys.path.append("/left")
        sys.argv.append("left")
        sys.stdout = sys.stderr
        os.chdir("/")
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        warnings.simplefilter("ignore")
        assert found.put_back() is True
        assert (dict(os.environ), list(sys.path), list(sys.argv), sys.stdout, signal.getsignal(15)) == before
        assert Path.cwd() == tmp_path

    in_fork(check)


def test_a_process_in_which_something_still_runs_is_of_no_more_use() -> None:
    def check() -> None:
        found, is_over = Found(), threading.Event()
        thread = threading.Thread(target=is_over.wait)
        thread.start()
        assert found.put_back() is False
        is_over.set()
        thread.join()
        assert found.put_back() is True

    in_fork(check)


class FakeServer:
    """Starts processes that a test speaks for: the pipe's other end is kept."""

    pid = None

    def __init__(self) -> None:
        self.shelter = SimpleNamespace(watch=lambda files: None, clean=lambda files: None)
        self.ends: list[Any] = []
        self.tidied: list[int] = []
        self.before_end: list[Any] = []

    def launch(self, entry: object, job: Job) -> tuple[Any, Any]:
        ours, theirs = multiprocessing.Pipe()
        self.ends.append(theirs)
        return SimpleNamespace(pid=len(self.ends), exitcode=None, sentinel=0, join=lambda timeout: None), ours

    def tidy(self, pid: int) -> None:
        self.tidied.append(pid)


def test_a_process_that_was_killed_while_it_was_idle_is_replaced(tmp_path: Path) -> None:
    server = FakeServer()
    reusing = Reusing(cast(Any, server))
    job = Job(overrides=(), directory=tmp_path, number=0, attempt=1)
    for _ in range(2):  # the second trial has the process of the first
        turn = reusing.start([job])
        server.ends[0].send_bytes(IDLE)
        assert turn.receive() == [] and turn.exit_code == 0
        turn.kill()
        turn.kill()
    assert len(server.ends) == 1
    server.ends[0].close()
    assert reusing.start([job]).exit_code is None
    assert (len(server.ends), server.tidied) == (2, [1])


def test_idle_processes_end_before_their_server_does(tmp_path: Path) -> None:
    server = FakeServer()
    turn = Reusing(cast(Any, server)).start([Job(overrides=(), directory=tmp_path, number=0, attempt=1)])
    server.ends[0].send_bytes(IDLE)
    turn.receive()
    turn.kill()
    server.before_end[0]()
    with pytest.raises(EOFError):
        server.ends[0].recv_bytes()


def test_a_place_with_another_device_gets_another_process(tmp_path: Path) -> None:
    server = FakeServer()
    reusing = Reusing(cast(Any, server))
    for device in ("0", "1"):
        job = Job(overrides=(), directory=tmp_path, number=0, attempt=1, environment={"CUDA_VISIBLE_DEVICES": device})
        turn = reusing.start([job])
        server.ends[-1].send_bytes(IDLE)
        turn.receive()
        turn.kill()
    assert len(server.ends) == 2
