"""The servers of compose.yaml in a copy of the project: real containers, as a user has them."""

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conftest import REPOSITORY, free_port, wait_for

UNSET = ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI", "MAKEFLAGS", "MAKELEVEL", "COMPOSE_FILE")
NEWEST = "study_key = (SELECT study_key FROM sweeps_points ORDER BY id DESC LIMIT 1)"
GRID = ("model=dense", "model.optimizer.lr=0.001,0.002,0.003,0.004", "trainer.max_epochs=1")


class Stack:
    """A copy of the project whose servers have a name and ports of their own.

    Args:
        folder: Where the copy goes.
        overrides: Override files beside compose.yaml.
        environment: Further variables of Compose.
    """

    def __init__(self, folder: Path, overrides: Sequence[str], environment: Mapping[str, str]) -> None:
        self.folder = folder
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        for name in filter(None, tracked.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
        self.environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        self.environment |= {
            "COMPOSE_PROJECT_NAME": f"sweeps-test-{uuid.uuid4().hex[:8]}",
            "COMPOSE_FILE": ":".join(["compose.yaml", *overrides]),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            **{f"{name}_PORT": str(free_port()) for name in ("MLFLOW", "POSTGRES", "DASHBOARD")},
            **environment,
        }

    def run(self, *command: str, timeout: float = 600, input: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=input,
            check=False,
        )

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("docker", "compose", *arguments)

    def good(self, *command: str, timeout: float = 600) -> str:
        """What a command prints, which has to end well."""
        done = self.run(*command, timeout=timeout)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self) -> None:
        """Start the servers, and set what they say is to be set."""
        self.environment |= variables(self.good("make", "up"))

    def sweep(self, name: str, *overrides: str) -> str:
        return self.good("train", "-m", *(overrides or GRID), f"study.name={name}")

    def begin(self, name: str, *overrides: str) -> subprocess.Popen[str]:
        """A sweep on the host, which goes on; at its return its points are there."""
        line = ["train", "-m", *(overrides or GRID), f"study.name={name}", "study.slots=1", "study.lease_s=15"]
        # The Python of this machine need not be that of the image.
        process = self.start(*line, "study.allow_drift=true")
        wait_for(lambda: re.search(rf"\b{name}\b", self.run("sweeps", "list").stdout) is not None, 300)
        return process

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def num_done(self) -> int:
        """Trials of the newest study that have ended."""
        (done,) = self.in_postgres("sweeps", f"SELECT count(*) FROM sweeps_points WHERE state = 'done' AND {NEWEST}")
        return int(done)

    def machines(self, what: str) -> list[str]:
        """The machines on which it happened to trials of the newest study, one per event."""
        return self.in_postgres("sweeps", f"SELECT machine FROM sweeps_events WHERE what = '{what}' AND {NEWEST}")

    def trials(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.good("sweeps", "table", name, "--trials", "--format", "csv"))))

    def in_postgres(self, database: str, statement: str) -> list[str]:
        ask = ["psql", "-U", "postgres", "-Atc", statement, database]
        shown = self.compose("exec", "-T", "postgres", "sh", "-c", 'PGPASSWORD=$POSTGRES_PASSWORD "$@"', "-", *ask)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout.split()


def variables(printed: str) -> dict[str, str]:
    return dict(re.findall(r"^export (\w+)='?(.*?)'?$", printed, re.MULTILINE))
