"""Applications of strangers on whatever Hydra is installed: `make test-light` runs them on Hydra 1.3, without torch."""

import contextlib
import sqlite3
import subprocess
from collections import Counter
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from sweeps.study.records import TrialRow
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands, lines, wait_for

HERE = Path(__file__).parent
IS_OLD = version("hydra-core").startswith("1.3.")
BASES = ["1.1", "1.2", "1.3", "None"] if IS_OLD else [pytest.param("1.3", marks=pytest.mark.slow), "None"]
UNTRACKED = ("-m", "hydra/sweeper=sweeps", "hydra.sweeper.tracking.uri=null")


def run(commands: Commands, app: str, *line: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = commands.run("python", str(HERE / app), *line)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def trials(commands: Commands, name: str) -> list[TrialRow]:
    return Study(Database(f"sqlite:///{commands.folder}/logs/studies/studies.db", is_view=True), name).trials()


def values(commands: Commands, name: str) -> list[float]:
    outcomes = [trial.outcome for trial in trials(commands, name)]
    assert all(isinstance(outcome, Completed) for outcome in outcomes), outcomes
    return [round(outcome.values[0], 6) for outcome in outcomes if isinstance(outcome, Completed)]


def mlflow_runs(commands: Commands) -> dict[str, str]:
    """Status of each run, by its id."""
    with contextlib.closing(sqlite3.connect(commands.folder / "mlflow.db")) as database:
        return dict(database.execute("SELECT run_uuid, status FROM runs"))


@pytest.mark.parametrize("base", BASES)
def test_a_plain_function_is_a_grid_whatever_hydra_it_was_written_for(commands: Commands, base: str) -> None:
    commands.environment["VERSION_BASE"] = base
    run(commands, "light_plain.py", *UNTRACKED, "+study.name=grid", "lr=0.1,0.3", "bias=1,2")
    assert values(commands, "grid") == [1.04, 2.04, 1.0, 2.0]
    # As in Hydra: up to 1.1 a task runs in the directory of its job.
    where = [path.parent.name for path in commands.folder.rglob("here.txt")]
    assert sorted(where) == (["000", "001", "002", "003"] if base == "1.1" else [commands.folder.name])


@pytest.mark.slow  # tests/foreign/test_contract.py asserts it of more applications
def test_each_job_has_the_configuration_that_hydras_own_sweeper_gives_it(commands: Commands) -> None:
    run(commands, "light_plain.py", "-m", "lr=0.2,0.4", "hydra.sweep.dir=stock")
    run(commands, "light_plain.py", *UNTRACKED, "lr=0.2,0.4", "hydra.sweeper.study.name=s")
    ours = commands.folder / "logs/studies/s/trials"
    for number in (0, 1):
        theirs = (commands.folder / f"stock/{number}/.hydra/config.yaml").read_text()
        assert (ours / f"00{number}/.hydra/config.yaml").read_text() == theirs


@pytest.mark.slow  # tests/e2e/test_sweep.py draws, too
def test_a_sampler_draws_and_the_same_line_again_draws_no_more(commands: Commands) -> None:
    line = (*UNTRACKED, "+study.name=tpe", "+study.n_trials=6", "lr=tag(log,interval(0.01,1))", "bias=choice(1,2)")
    for _ in range(2):
        run(commands, "light_plain.py", *line)
        drawn = [trial.point.overrides for trial in trials(commands, "tpe") if trial.point]
        assert len({str(point) for point in drawn}) == 6 and {point["bias"] for point in drawn} <= {"1", "2"}
        found = [round((float(point["lr"]) - 0.3) ** 2 + int(point["bias"]), 6) for point in drawn]
        assert all(0.01 <= float(point["lr"]) <= 1 for point in drawn) and values(commands, "tpe") == found


@pytest.mark.slow  # tests/e2e/test_sweep.py prunes, too
def test_a_pruner_stops_the_worse_half(commands: Commands) -> None:
    line = ("-m", "x=0,1,5,6", "study.name=pruned", "study.slots=1", f"record={commands.folder}/ran.txt")
    pruner = "study.pruner={_target_: optuna.pruners.MedianPruner, n_startup_trials: 2}"
    done = run(commands, "light_loop.py", *line, pruner, "pause_s=0.2", "tracking.uri=null")
    assert [trial.state for trial in trials(commands, "pruned")] == ["completed"] * 2 + ["pruned"] * 2, done.stdout


@pytest.mark.slow  # tests/e2e/test_sweep.py has another worker that joins
def test_another_terminal_joins_and_the_table_shows_each_point_once(commands: Commands) -> None:
    line = ("-m", "x=1,2,3,4,5,6", "study.name=joined", "study.slots=1", f"record={commands.folder}/ran.txt")
    first = commands.start("python", str(HERE / "light_loop.py"), *line, "together=2")
    wait_for(lambda: (commands.folder / "ran.txt").exists())
    second = commands.run("sweeps", "worker", "joined")
    out, err = first.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 0), (out, err, second.stdout, second.stderr)
    assert Counter(lines((commands.folder / "ran.txt").read_text())) == dict.fromkeys("123456", 1)
    assert len({trial.worker for trial in trials(commands, "joined")}) == 2
    runs = mlflow_runs(commands)
    assert len(runs) == 7 and sorted(runs.values()).count("FINISHED") == 7  # the study's own, and six of its trials
    table = commands.run("sweeps", "table", "joined", "--format", "csv").stdout
    assert sorted(row.split(",")[0] for row in lines(table)[1:]) == list("123456")


@pytest.mark.parametrize("is_frozen", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_dataclass_needs_no_field_of_ours(commands: Commands, is_frozen: bool) -> None:
    if is_frozen:
        commands.environment["FROZEN"] = "1"
    line = ("optimizer=sgd,adam", "hydra.sweeper.study.name=s", "hydra.sweeper.study.direction=minimize")
    run(commands, "light_structured.py", *UNTRACKED, *line)
    assert values(commands, "s") == [9.0, 8.1]
    joined = commands.run("sweeps", "worker", "s")
    assert joined.returncode == 0 and "Study s: 2 trials, 2 of them done." in joined.stdout


@pytest.mark.parametrize(
    ("is_frozen", "typed", "place"),
    [
        (False, "study.name=s", "hydra.sweeper.study.name=..."),
        (True, "+study.name=s", "hydra.sweeper.study.name=..."),
        (True, "tracking.experiment=e", "hydra.sweeper.tracking.experiment=..."),
    ],
)
def test_where_a_dataclass_has_no_place_one_line_names_ours(
    commands: Commands, is_frozen: bool, typed: str, place: str
) -> None:
    if is_frozen:
        commands.environment["FROZEN"] = "1"
    told = lines(run(commands, "light_structured.py", *UNTRACKED, "optimizer=sgd", typed, code=2).stderr)
    assert told[-1].startswith("Error: ") and told[-1].endswith(f"Any configuration takes {place}, without a plus.")
    assert commands.made() == []


@pytest.mark.skipif(find_spec("torch") is not None, reason="only where torch is not installed")
def test_nothing_but_the_lightning_module_wants_torch() -> None:
    import importlib
    import pkgutil

    import sweeps

    found = {module.name for module in pkgutil.walk_packages(sweeps.__path__, "sweeps.")}
    for name in sorted(found - {"sweeps.lightning", "sweeps.worker.preload", "sweeps.worker.preload_first"}):
        importlib.import_module(name)
    assert len(found) > 70


@pytest.mark.skipif(find_spec("flask") is not None, reason="only where MLflow's server is not installed")
def test_the_pages_say_in_one_line_what_they_need(commands: Commands) -> None:
    done = commands.run("sweeps", "ui")
    told = "Error: The pages are a part of MLflow's server: pip install 'hydra-sweeps[server]'.\n"
    assert (done.returncode, done.stdout, done.stderr, commands.made()) == (2, "", told, [])
