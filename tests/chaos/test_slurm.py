"""Workers as jobs of a real Slurm: a node that dies, a task that is cancelled, and one whose time is over."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from sweeps.study.study import Study
from tests.conftest import BIN, REPOSITORY, Commands, lines, wait_for
from tests.invariants import check_mirror, study
from tests.slurm import Slurm, lack

pytestmark = [pytest.mark.slow, pytest.mark.skipif(lack() is not None, reason=str(lack())), pytest.mark.timeout(900)]

PAGE = (REPOSITORY / "docs" / "clusters.md").read_text()
[SCRIPT] = re.findall(r"```bash sbatch\n(.*?)```", PAGE, re.DOTALL)
NUM_POINTS = 200


@pytest.fixture
def slurm(commands: Commands) -> Iterator[Slurm]:
    made = Slurm(["first", "second"])
    commands.environment |= made.environment | {"PYTHONPATH": str(REPOSITORY)}
    yield made
    made.close()


def submit(slurm: Slurm, commands: Commands, storage: str, *options: str) -> str:
    """Submit the script of the page; returns the job's number."""
    (commands.folder / "worker.sh").write_text(SCRIPT)
    variables = {"STUDY": "s", "SWEEPS_STORAGE": storage, "PATH": f"{BIN}:{os.environ['PATH']}"}
    variables |= {"PYTHONPATH": str(REPOSITORY), "SWEEPS_REPORT": "false"}
    variables["SWEEPS_MACHINE_DIR"] = commands.environment["SWEEPS_MACHINE_DIR"]
    out = f"--output={commands.folder}/%A_%a.log"
    options = (f"--chdir={commands.folder}", out, "--cpus-per-task=1", *options)
    return slurm.run("sbatch", "--parsable", *options, str(commands.folder / "worker.sh"), **variables)


def workers_of(found: Study) -> set[str]:
    return {str(event.worker) for event in found.events() if event.what == "claimed"}


def test_a_study_outlives_a_node_a_cancelled_task_and_a_limit(
    commands: Commands, slurm: Slurm, postgres_url: str
) -> None:
    commands.environment["SWEEPS_STORAGE"] = postgres_url
    line = ("-m", f"x=range({NUM_POINTS})", "sleep_s=2.5", "study.name=s", "study.submit=true")
    seeded = commands.run("fake", *line)
    assert seeded.returncode == 0, seeded.stderr
    found = study(commands, url=postgres_url)
    limited = submit(slurm, commands, postgres_url, "--array=0", "--time=2", "--signal=B:USR1@60", "--nodelist=first")
    array = submit(slurm, commands, postgres_url, "--array=0-2")
    wait_for(lambda: len(workers_of(found)) >= 4, timeout_s=300)
    slurm.run("scancel", f"{array}_0")
    slurm.kill("second")
    wait_for(lambda: any("--max-time" in e.why or "SIGUSR1" in e.why for e in found.events()), timeout_s=300)
    wait_for(lambda: found.counts()["done"] == NUM_POINTS, timeout_s=500)
    wait_for(lambda: slurm.states() == [], timeout_s=90)
    outcomes = [trial.outcome for trial in found.trials()]
    assert [o.values[0] for o in outcomes if isinstance(o, Completed)] == [float(x**2) for x in range(NUM_POINTS)]
    check_mirror(found, NUM_POINTS)
    assert len([event for event in found.events() if event.what == "finished"]) == NUM_POINTS
    told = {event.why for event in found.events() if event.what == "handed back"}
    assert {"its worker was told to stop by SIGTERM", "its worker was told to stop by SIGUSR1"} <= told
    log = (commands.folder / f"{limited}_0.log").read_text()
    assert "The time of this worker is over." in log and log.count("Study s: 200 trials") == 2  # queued again


def test_hydras_launcher_brings_an_array_of_workers(commands: Commands, slurm: Slurm, postgres_url: str) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (extra `slurm`)")
    commands.environment["SWEEPS_STORAGE"] = postgres_url
    launcher = ("hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=2", "study.num_workers=2")
    result = commands.run("fake", "-m", "x=range(12)", "sleep_s=3", "study.name=s", "study.slots=auto", *launcher)
    assert result.returncode == 0, result.stderr
    found = study(commands, url=postgres_url)
    assert {trial.attempt for trial in found.trials()} == {1} and found.counts()["done"] == 12
    assert len(workers_of(found)) == 2 and "[12/12]" in result.stdout
    refused = commands.run("fake", "-m", "x=1", "study.storage=sqlite:///s.db", *launcher)
    assert refused.returncode == 2 and "a SQLite file is no database for those" in lines(refused.stderr)[-1]
    assert not Path(commands.folder / "s.db").exists()
