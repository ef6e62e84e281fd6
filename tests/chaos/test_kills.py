"""`kill -9`, SIGSTOP and two starts at once, at random moments; the seed is printed."""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands, wait_for
from tests.invariants import check_invariants, study


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def servers(worker: subprocess.Popen[str]) -> list[int]:
    """The worker's fork server; multiprocessing's resource tracker is another child."""
    return [child for child in children(worker.pid) if "forkserver" in command_of(child)]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def processes(worker: subprocess.Popen[str]) -> list[int]:
    """The processes of a worker's trials."""
    return [trial for server in servers(worker) for trial in children(server)]


def storm(
    commands: Commands, program: str, line: tuple[str, ...], num_workers: int, num_kills: int, last: int | None = None
) -> None:
    """Kill workers, fork servers and trials at random moments; then let the study end.

    Trial `last` of a fake application waits for the end of the kills, however fast the machine is.

    The more workers, the longer the pauses: a machine that only starts workers which are killed gets nowhere.
    """
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    held = commands.folder / "storm"
    held.write_text(str(last))
    workers = [commands.start(program, *line) for _ in range(num_workers)]
    killed = 0
    while killed < num_kills and any(worker.poll() is None for worker in workers):
        time.sleep(generator.uniform(0.0, 0.2 * num_workers))
        place = generator.randrange(num_workers)
        kind = generator.random()
        victims = [workers[place].pid] if kind < 0.1 else (servers if kind < 0.2 else processes)(workers[place])
        if workers[place].poll() not in (None, 0):
            _, err = workers[place].communicate()
            assert "died without a word" in err, err[-2000:]
            workers[place] = commands.start(program, *line)
            continue  # who was to be killed has ended
        if not victims:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(generator.choice(victims), signal.SIGKILL)
            killed += 1
        if kind < 0.1:
            workers[place].communicate()
            workers[place] = commands.start(program, *line)
    held.unlink()
    for worker in workers:
        _, err = worker.communicate(timeout=600)
        # A command whose check was killed three times in a row gives up with one line.
        assert worker.returncode == 0 or "died without a word" in err, err[-2000:]
    assert killed == num_kills, "the study ended before all kills: give it more points"
    last = commands.run(program, *line)
    assert last.returncode == 0, last.stderr[-2000:]


@pytest.mark.parametrize(
    ("num_points", "num_workers", "num_kills", "sleep_s"),
    [
        (40, 2, 10, 0.6),
        pytest.param(40, 2, 30, 0.6, marks=pytest.mark.slow),
        # Long enough for all kills: eight workers on two cores are slow to start.
        pytest.param(500, 8, 300, 15.0, marks=[pytest.mark.slow, pytest.mark.timeout(2400)]),
    ],
)
def test_kills_of_workers_servers_and_trials_lose_and_repeat_nothing(
    commands: Commands, num_points: int, num_workers: int, num_kills: int, sleep_s: float
) -> None:
    values = ",".join(map(str, range(1, num_points + 1)))
    line = ("-m", f"x={values}", f"sleep_s={sleep_s}", "study.name=s", "study.max_retries=1000", "study.lease_s=2")
    storm(commands, "fake", line, num_workers, num_kills, last=num_points - 1)
    check_invariants(commands, num_points)


@pytest.mark.slow
def test_a_search_with_seeds_under_kills_trains_each_point_with_each_seed(commands: Commands) -> None:
    line = ("-m", "x=interval(0.5,6)", "+seed=0", "study.n_trials=5", "study.replicates=3", "study.name=s")
    storm(commands, "fake", (*line, "sleep_s=6", "study.max_retries=1000", "study.lease_s=2"), 2, 20, last=14)
    check_invariants(commands, 15)
    points = [row.point.overrides for row in study(commands).trials() if row.point]
    drawn = list(dict.fromkeys(point["x"] for point in points))
    assert [(point["x"], point["+seed"]) for point in points] == [(x, seed) for x in drawn for seed in "012"]
    assert len(drawn) == 5
    again = commands.run("fake", *line, "sleep_s=6", "study.max_retries=1000", "study.lease_s=2")
    assert again.returncode == 0 and len(study(commands).trials()) == 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_weights", "num_workers", "num_kills"),
    [(2, 1, 3), pytest.param(12, 2, 30, marks=pytest.mark.timeout(1800))],
)
def test_real_trials_under_kills_give_the_tables_of_a_study_left_alone(
    commands: Commands, num_weights: int, num_workers: int, num_kills: int
) -> None:
    weights = ",".join(str(0.1 * (i + 1)) for i in range(num_weights))
    line = (
        *("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "trainer.max_epochs=8"),
        *(f"model.loss_weights.thickness={weights}", "study.max_retries=1000"),
    )
    assert commands.run("train", *line, "study.name=alone").returncode == 0
    storm(commands, "train", (*line, "study.name=killed"), num_workers, num_kills)
    examined = commands.run("sweeps", "doctor", "killed")
    assert examined.returncode == 0 and "agree" in examined.stdout, examined.stdout
    for options in (["--format", "csv"], ["--trials"]):
        alone, killed = (
            timeless(commands.run("sweeps", "table", name, *options).stdout) for name in ("alone", "killed")
        )
        assert alone == killed and len(alone) == 1 + 2 * num_weights


def timeless(table: str) -> list[str]:
    """The rows of a CSV table without what differs by nature: seconds and attempts."""
    rows = [line.split(",") for line in table.splitlines()]
    kept = [i for i, name in enumerate(rows[0]) if name not in ("seconds", "duration_s", "attempts")]
    return [",".join(row[i] for i in kept) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("num_kills", [3, 20])
def test_a_command_killed_again_and_again_completes_each_point_once(commands: Commands, num_kills: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    line = ("-m", "x=1,2,3,4,5,6,7,8", "sleep_s=1.5", "study.name=s")
    for _ in range(num_kills):
        process = commands.start("fake", *line)
        time.sleep(generator.uniform(0.5, 5.0))
        process.kill()
        process.communicate()
    assert commands.run("fake", *line).returncode == 0
    check_invariants(commands, 8)
    attempts = [row.attempt for row in study(commands).trials()]
    assert commands.run("fake", *line).returncode == 0
    assert [row.attempt for row in study(commands).trials()] == attempts


def test_a_killed_fork_server_costs_its_trials_no_retry(commands: Commands) -> None:
    worker = commands.start("fake", "-m", "x=1,2", "sleep_s=3", "study.name=s", "study.max_retries=0")
    wait_for(lambda: len(processes(worker)) == 2 and (commands.folder / "executions.txt").exists())
    os.kill(servers(worker)[0], signal.SIGKILL)
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert [row.attempt for row in study(commands).trials()] == [2, 2]
    check_invariants(commands, 2)


@pytest.mark.long
@pytest.mark.parametrize("num_rounds", [1, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_stopped_worker_loses_its_trial_and_its_late_result(commands: Commands, num_rounds: int) -> None:
    for i in range(num_rounds):
        name = f"s{i}"
        line = ("-m", f"x={i + 1}", "sleep_s=12", f"study.name={name}", "study.lease_s=3")
        first = commands.start("fake", *line)
        wait_for(lambda first=first: len(processes(first)) == 1 and in_its_task(processes(first)[0]))  # type: ignore[misc]
        [abandoned] = processes(first)
        first.send_signal(signal.SIGSTOP)
        second = commands.start("fake", *line)
        wait_for(lambda name=name: study(commands, name).trials()[0].attempt == 2)  # type: ignore[misc]
        # The new attempt has the directory to itself, although nobody has told the old one to stop.
        wait_for(lambda abandoned=abandoned: not is_running(abandoned), timeout_s=10)  # type: ignore[misc]
        time.sleep(3)  # three leases altogether
        first.send_signal(signal.SIGCONT)
        for process in (first, second):
            _, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
        [row] = study(commands, name).trials()
        assert row.attempt == 2 and row.worker and f":{second.pid}:" in row.worker
        check_invariants(commands, 1, study(commands, name))


def in_its_task(pid: int) -> bool:
    """Whether the trial has its directory, and so has got past its start."""
    return any(target.endswith("/lock") for target in open_files(pid))


def open_files(pid: int) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(descriptor.readlink()))
    return found


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than an entry that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.parametrize("num_rounds", [1, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_two_commands_started_at_once_run_each_point_once(
    commands: Commands, storage_url: str, num_rounds: int
) -> None:
    for i in range(num_rounds):
        line = ("-m", "x=1,2,3,4", "sleep_s=0.5", f"study.name=s{i}", f"study.storage='{storage_url}'")
        both = [commands.start("fake", *line) for _ in range(2)]
        for process in both:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err[-2000:]
        rows = Study(Database(storage_url), f"s{i}").trials()
        assert [(row.state, row.attempt) for row in rows] == [("completed", 1)] * 4
    noted = (commands.folder / "executions.txt").read_text().splitlines()
    assert len(noted) == 4 * num_rounds
