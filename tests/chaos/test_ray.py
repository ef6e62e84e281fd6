"""Workers on two nodes of Ray, of which one is killed and another one joins; and what Ray cannot give."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sweeps.outcome import Completed
from sweeps.study.study import Study
from tests.conftest import BIN, REPOSITORY, Commands, free_port, lines, wait_for
from tests.invariants import check_mirror, study

pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
pytestmark = pytest.mark.slow

NUM_POINTS = 200


class Cluster:
    """Nodes of Ray on loopback addresses, each a process that ends with the test."""

    def __init__(self, environment: dict[str, str]) -> None:
        # Sockets of Ray lie there, and their paths must be short. A token of an earlier cluster is not for this one.
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        self.environment = environment | {"RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(REPOSITORY)}
        self.address = f"127.0.0.2:{free_port()}"
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, num_cpus: int) -> subprocess.Popen[bytes]:
        own_ip = f"127.0.0.{len(self.nodes) + 2}"
        role = ["--head", f"--port={self.address.split(':')[1]}", f"--temp-dir={self.folder}"]
        role += ["--include-dashboard=false"]
        where = role if not self.nodes else [f"--address={self.address}"]
        command = [BIN / "ray", "start", *where, f"--node-ip-address={own_ip}", f"--num-cpus={num_cpus}"]
        command += ["--object-store-memory=80000000", "--disable-usage-stats", "--block"]
        path = self.folder / f"{own_ip}.log"
        with path.open("wb") as log:
            node = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)
        self.nodes.append(node)
        wait_for(lambda: "Ray runtime started" in path.read_text(), timeout_s=120)  # the others know of it, too
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """As a machine that loses its power: nothing of it says goodbye."""
        raylet = self._raylet(node)
        assert raylet is not None
        raylet.kill()

    def close(self) -> None:
        for node in reversed(self.nodes):
            node.send_signal(signal.SIGTERM)
        for node in self.nodes:
            try:
                node.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _raylet(self, node: subprocess.Popen[bytes]) -> psutil.Process | None:
        children = psutil.Process(node.pid).children(recursive=True)
        return next((child for child in children if child.name().startswith("raylet")), None)


@pytest.fixture
def cluster(commands: Commands) -> Iterator[Cluster]:
    made = Cluster(commands.environment)
    yield made
    made.close()


def num_done(found: Study) -> int:
    return found.counts()["done"]


def line(cluster: Cluster, commands: Commands, *more: str) -> list[str]:
    commands.environment |= cluster.environment
    launcher = ("hydra/launcher=ray_workers", f"hydra.launcher.address={cluster.address}")
    return ["-m", "study.name=s", "study.slots=1", *launcher, *more]


def test_a_node_is_killed_and_another_one_joins(commands: Commands, cluster: Cluster, postgres_url: str) -> None:
    cluster.start(num_cpus=2)
    second = cluster.start(num_cpus=2)
    commands.environment["SWEEPS_STORAGE"] = postgres_url
    points = f"x=range({NUM_POINTS})"
    driver = commands.start("fake", *line(cluster, commands, points, "sleep_s=0.3", "study.num_workers=4"))
    wait_for(lambda: (commands.folder / "executions.txt").exists(), timeout_s=200)
    found = study(commands, url=postgres_url)
    wait_for(lambda: num_done(found) > 40, timeout_s=120)
    cluster.kill(second)
    before = num_done(found)
    wait_for(lambda: num_done(found) > before + 30, timeout_s=120)
    cluster.start(num_cpus=2)
    wait_for(lambda: num_done(found) == NUM_POINTS, timeout_s=200)
    began = time.monotonic()
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == 0, err
    assert time.monotonic() - began < 20, "the driver ends by itself, not after a lease of 30 s"
    outcomes = [trial.outcome for trial in found.trials()]
    assert [o.values[0] for o in outcomes if isinstance(o, Completed)] == [float(x**2) for x in range(NUM_POINTS)]
    check_mirror(found, NUM_POINTS)
    assert len([event for event in found.events() if event.what == "finished"]) == NUM_POINTS
    assert len({event.worker for event in found.events() if event.what == "claimed"}) > 4
    assert f"[{NUM_POINTS}/{NUM_POINTS}]" in out


def test_one_file_for_two_nodes_is_refused(commands: Commands, cluster: Cluster) -> None:
    cluster.start(num_cpus=1)
    cluster.start(num_cpus=1)
    result = commands.run("fake", *line(cluster, commands, "x=1,2"))
    told = lines(result.stderr)[-1]
    assert result.returncode == 2 and "has 2 nodes here, and a SQLite file is a database for one" in told
    assert not (commands.folder / "studies").exists()


def test_what_finds_no_room_is_given_up_and_ctrl_c_hands_back(commands: Commands, cluster: Cluster) -> None:
    """Two cores for three workers: the third one waits for room, and does not keep the command at the end."""
    cluster.start(num_cpus=2)
    result = commands.run("fake", *line(cluster, commands, "x=1,2,3,4", "study.num_workers=3"))
    assert result.returncode == 0, result.stderr
    assert len({trial.worker for trial in study(commands).trials()}) <= 2
    (commands.folder / "executions.txt").unlink()
    driver = commands.start("fake", *line(cluster, commands, "x=5,6,7", "sleep_s=60", "study.num_workers=2"))
    wait_for(lambda: (commands.folder / "executions.txt").exists(), timeout_s=200)
    driver.send_signal(signal.SIGTERM)
    _, err = driver.communicate(timeout=60)
    assert driver.returncode == 143 and "The same command continues the study." in err
    assert study(commands).counts() == {"open": 3, "running": 0, "done": 4}
