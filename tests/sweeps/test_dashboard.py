"""optuna-dashboard over the studies: what it answers, and what keeps it from starting."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sweeps.outcome import Completed, Failed
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands, free_port
from tests.sweeps.test_mirror import MODELS, OF_MODEL, SEEDS, WEIGHTS, claimed, grid

KEY = "model.loss_weights.thickness"


def make_study(url: str) -> None:
    """A grid in which the model decides and one trial has failed."""
    study = Study.create(Database(url), "weights", ["maximize"], {"objective": ["val/score_best"]})
    study.add(grid(**{"model": MODELS, KEY: WEIGHTS, "seed": SEEDS}))
    study.tell(claimed(study), Failed(cause="timeout", detail="Longer than 6 s."))
    noise = random.Random(0)
    while (claim := study.claim("w", None)) is not None:
        seen = claim.point.overrides
        value = OF_MODEL[seen["model"]] + 0.02 * float(seen[KEY]) + noise.gauss(0, 0.03)
        study.tell(claim, Completed(values=(value,), metrics={"test/acc": 0.5}))
    study.mirror()


@pytest.fixture
def dashboard(commands: Commands, storage_url: str) -> Iterator[str]:
    """The address that the command prints."""
    make_study(storage_url)
    started = commands.start("sweeps", "dashboard", "weights", "--storage", storage_url, "--port", str(free_port()))
    assert started.stdout is not None
    yield started.stdout.readline().strip()
    started.send_signal(signal.SIGINT)
    assert started.wait(timeout=20) == 130
    assert started.stderr is not None and "Traceback" not in started.stderr.read()


def answer(address: str, path: str, **headers: str) -> Any:
    asked = urllib.request.Request(f"{address.partition('/dashboard')[0]}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as response:
        return json.load(response)


def test_the_dashboard_sees_the_truth(dashboard: str) -> None:
    assert dashboard.startswith("http://127.0.0.1:") and dashboard.endswith("/dashboard/studies/1")
    (listed,) = answer(dashboard, "/api/studies")["study_summaries"]
    attributes = {each["key"]: each["value"] for each in listed["user_attrs"]}
    assert (listed["study_name"], listed["directions"]) == ("weights", ["maximize"])
    assert json.loads(attributes["objective"]) == ["val/score_best"]
    study = answer(dashboard, "/api/studies/1")
    assert study["objective_names"] == ["val/score_best"] and len(study["trials"]) == 27
    failed, second = study["trials"][:2]
    assert {"key": "detail", "value": "Longer than 6 s."} in failed["user_attrs"] and failed["state"] == "Fail"
    assert {"key": "test/acc", "value": "0.5"} in second["user_attrs"]
    (found,) = answer(dashboard, "/api/studies/1/param_importances?evaluator=ped_anova")["param_importances"]
    assert [each["name"] for each in found] == ["model", KEY]
    assert found[0]["importance"] > 1.3 * found[1]["importance"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        answer(dashboard, "/api/studies", Host="stranger.example")


def test_what_keeps_it_from_starting_is_one_line(commands: Commands) -> None:
    url = f"sqlite:///{commands.folder}/s.db"
    Study.create(Database(url), "weights", ["maximize"], {"objective": ["val/score_best"]})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        lines = {
            (url, port): f"Error: --port={port} is taken. --port=",
            (url, "70000"): "Error: --port=70000 is no port. Valid: 1 to 65535.",
            ("sqlite:///none.db", port): "Error: study.storage=sqlite:///none.db: the file does not exist.",
        }
        for (storage, asked), told in lines.items():
            done = commands.run("sweeps", "dashboard", "--storage", storage, "--port", asked)
            assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(told), done.stderr
            assert len(done.stderr.splitlines()) == 1


def test_without_its_package_the_line_says_how_to_get_it(commands: Commands) -> None:
    code = "import sys; sys.modules['optuna_dashboard'] = None; from sweeps.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "dashboard"], cwd=commands.folder, env=os.environ, capture_output=True, text=True
    )
    told = "Error: optuna-dashboard is not installed: pip install 'hydra-sweeps[dashboard]'.\n"
    assert (done.returncode, done.stdout, done.stderr, commands.made()) == (2, "", told, [])
