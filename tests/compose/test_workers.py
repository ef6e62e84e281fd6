"""Workers in containers and on the host share a study: each trial once, whatever is killed meanwhile."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.compose.stack import Stack
from tests.conftest import wait_for

NUM_TRIALS = 10
# Long enough that the workers, which import for a while first, find something to do.
LINE = (
    "model=cnn",
    "model.optimizer.lr=0.0001,0.0002,0.0003,0.0004,0.0005,0.0006,0.0007,0.0008,0.0009,0.001",
    "trainer.max_epochs=4",
)


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    made = make_stack(WORKER_CPUS="1", WORKER_MEMORY="4g")
    made.up()
    return made


def containers(stack: Stack, service: str) -> list[str]:
    listed = stack.good("docker", "compose", "--profile", "workers", "ps", "--all", "--quiet", service)
    return listed.split()


def end(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


def test_a_sweep_on_the_host_and_two_workers_run_each_trial_once(stack: Stack) -> None:
    host = stack.begin("shared", *LINE)
    told = end(stack.start("make", "workers", "STUDY=shared", "NUM=2"))
    end(host)
    assert "is not here. Works in /work." in told
    assert Counter(row["state"] for row in stack.trials("shared")) == {"completed": NUM_TRIALS}
    claimed = stack.machines("claimed")
    assert len(claimed) == NUM_TRIALS and len(set(claimed)) == 3
    for container in containers(stack, "worker"):
        assert stack.good("docker", "inspect", "--format", "{{.State.ExitCode}}", container).strip() == "0"


def test_each_service_may_be_killed_once_in_the_middle(stack: Stack) -> None:
    host = stack.begin("killed", *LINE)
    workers = stack.start("make", "workers", "STUDY=killed", "NUM=2")
    for num, service in enumerate(("worker", "postgres", "mlflow"), start=1):
        wait_for(lambda num=num: stack.num_done() >= 2 * num, 300)
        container = containers(stack, service)[0]
        stack.good("docker", "kill", "--signal", "KILL", container)
        time.sleep(3)
        stack.good("docker", "start", container)
        ready = ("exec", "-T", "postgres", "pg_isready", "-h", "127.0.0.1")
        wait_for(lambda ready=ready: stack.compose(*ready).returncode == 0, 120)
    end(host)
    workers.communicate(timeout=600)
    stack.up()
    assert Counter(row["state"] for row in stack.trials("killed")) == {"completed": NUM_TRIALS}
    assert len(stack.machines("finished")) == NUM_TRIALS


def test_a_worker_without_a_study_says_so(stack: Stack) -> None:
    done = stack.run("make", "workers")
    assert done.returncode == 2 and "which study?" in done.stderr
    alone = stack.compose("--profile", "workers", "run", "--rm", "--no-deps", "-T", "worker")
    assert alone.returncode == 2 and "STUDY: name the study" in alone.stderr


def test_a_worker_can_write_to_its_volumes_alone(stack: Stack) -> None:
    shell = ("--profile", "workers", "run", "--rm", "--no-deps", "-T", "worker", "sh", "-c")
    tried = stack.compose(*shell, "id -u; for d in /work /tmp /app /opt/worker; do touch $d/x && echo $d; done")
    assert tried.stdout.split() == ["10001", "/work", "/tmp"]
