"""Applications of anybody's: a study never gives the results of another configuration, or of another application."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from sweeps.study.records import TrialRow
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands, lines, wait_for

pytestmark = pytest.mark.long

APP = """
import time
from pathlib import Path

import hydra


@hydra.main(config_path="conf", config_name="config")
def main(cfg):
    with Path("ran.txt").open("a") as file:
        file.write(f"{cfg.x} {cfg.net.scale}\\n")
    time.sleep(cfg.sleep)
    return float(cfg.x * cfg.net.scale)


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults:
  - net: small
  - study: sweeps
  - tracking: sweeps
  - _self_
  - override hydra/sweeper: sweeps
x: 1
sleep: 0
seed: 0
study: {slots: 1, direction: minimize}
tracking: {uri: null}
"""
NETS = {"small": "scale: 1\n", "wide": "scale: 5\n"}


def project(folder: Path, app: str = APP, config: str = CONFIG) -> Path:
    """An application in a folder of its own."""
    (folder / "conf" / "net").mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(app)
    (folder / "conf" / "config.yaml").write_text(config)
    for name, content in NETS.items():
        (folder / "conf" / "net" / f"{name}.yaml").write_text(content)
    return folder


def net(commands: Commands, name: str, content: str) -> None:
    (commands.folder / "conf" / "net" / f"{name}.yaml").write_text(content)


def sweep(commands: Commands, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    result = commands.run("python", "app.py", "-m", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def interrupt(commands: Commands, *arguments: str) -> None:
    """Start a sweep of trials that last, and stop it while the first one runs."""
    project(commands.folder, config=CONFIG.replace("sleep: 0", "sleep: 60"))
    process = commands.start("python", "app.py", "-m", *arguments)
    wait_for(lambda: (commands.folder / "ran.txt").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def study(commands: Commands, name: str = "s", folder: str = ".") -> Study:
    return Study(Database(f"sqlite:///{commands.folder}/{folder}/logs/studies/studies.db", create=False), name)


def values(trials: list[TrialRow]) -> list[float]:
    return [trial.outcome.values[0] for trial in trials if isinstance(trial.outcome, Completed)]


def ran(commands: Commands) -> list[str]:
    return lines((commands.folder / "ran.txt").read_text())


@pytest.fixture
def here(commands: Commands) -> Commands:
    project(commands.folder)
    return commands


def test_an_edited_file_trains_what_it_changes_and_says_so_in_one_line(here: Commands) -> None:
    sweep(here, "x=1,2", "net=small,wide", "study.name=s")
    net(here, "wide", "scale: 7\n")
    again = sweep(here, "x=1,2", "net=small,wide", "study.name=s")
    assert [line for line in lines(again.stderr) if "configuration has changed" in line] == [
        "Study s: the configuration has changed (net/wide). 2 trials are of the one before: they stay, and tables leave"
        " them out; 2 points are to be trained with the new one."
    ]
    found = study(here)
    assert values(found.current_trials()) == [1, 2, 7, 14] and values(found.trials()) == [1, 5, 2, 10, 7, 14]
    assert [trial.configuration for trial in found.trials()] == [2, 1, 2, 1, 2, 2]
    assert "5.0000" not in again.stdout and "7.0000" in again.stdout and "14.0000" in again.stdout
    assert "2 trials are of an earlier configuration and not in the table" in again.stdout
    third = sweep(here, "x=1,2", "net=small,wide", "study.name=s")
    assert "configuration has changed" not in third.stderr and len(ran(here)) == 6


@pytest.mark.slow  # tests/sweeps/test_configurations.py goes back without a process
def test_going_back_to_an_earlier_configuration_trains_nothing(here: Commands) -> None:
    sweep(here, "x=1,2", "study.name=s")
    net(here, "small", "scale: 3\n")
    sweep(here, "x=1,2", "study.name=s")
    net(here, "small", "scale: 1\n")
    result = sweep(here, "x=1,2", "study.name=s")
    assert "net.scale: 3 -> 1" in result.stderr
    assert len(ran(here)) == 4 and values(study(here).current_trials()) == [1, 2]


def test_another_config_name_never_gives_the_old_results(here: Commands) -> None:
    (here.folder / "conf" / "big.yaml").write_text(CONFIG.replace("net: small", "net: wide"))
    sweep(here, "x=1,2")
    result = sweep(here, "x=1,2", "--config-name", "big")
    assert "--config-name: config -> big, net.scale: 1 -> 5" in result.stderr
    assert ran(here) == ["1 1", "2 1", "1 5", "2 5"]


def test_a_change_can_be_refused(here: Commands) -> None:
    sweep(here, "x=1,2", "study.name=s")
    net(here, "small", "scale: 3\n")
    result = sweep(here, "x=1,2", "study.name=s", "study.on_change=refuse", code=2)
    assert len(lines(result.stderr)) == 1 and "net.scale: 1 -> 3" in result.stderr
    assert len(ran(here)) == 2 and len(study(here).trials()) == 2


def test_two_projects_with_a_script_of_one_name_have_two_studies(commands: Commands) -> None:
    commands.environment["SWEEPS_STORAGE"] = f"sqlite:///{commands.folder}/shared.db"
    for name, app in (("one", APP), ("two", APP.replace("cfg.x * cfg", "100 * cfg.x * cfg"))):
        project(commands.folder / name, app)
        result = subprocess.run(
            ["python", "app.py", "-m", "x=1,2"],
            cwd=commands.folder / name,
            env={**commands.environment, "PATH": f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"},  # type: ignore[attr-defined]
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0 and "2 of them done" not in result.stdout, result.stderr
    database = Database(commands.environment["SWEEPS_STORAGE"])
    names = database.study_names()
    assert len(names) == 2 and [values(Study(database, name).trials()) for name in names] == [[1, 2], [100, 200]]


def test_another_application_in_a_study_of_one_name_is_told_and_trained(commands: Commands) -> None:
    commands.environment["SWEEPS_STORAGE"] = f"sqlite:///{commands.folder}/shared.db"
    for name in ("one", "two"):
        project(commands.folder / name, APP if name == "one" else APP.replace("float(", "float(100 * "))
    commands.run("python", "one/app.py", "-m", "x=1,2", "study.name=s")
    result = commands.run("python", "two/app.py", "-m", "x=1,2", "study.name=s")
    assert re.search(r"the application: \S*one/app\.py:main -> \S*two/app\.py:main", result.stderr), result.stderr
    found = Study(Database(commands.environment["SWEEPS_STORAGE"]), "s")
    assert values(found.current_trials()) == [100, 200] and len(found.trials()) == 4


def test_more_seeds_for_a_finished_study_train_what_is_missing(here: Commands) -> None:
    sweep(here, "x=1,2", "study.name=s")
    result = sweep(here, "x=1,2", "study.name=s", "study.replicates=3")
    assert len(ran(here)) == 6
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in lines(result.stdout) if line.startswith("|")]
    assert rows[2:] == [["1", "3"], ["2", "3"]]


@pytest.mark.parametrize(
    ("first", "second", "num_new"),
    [
        (["x=1,2"], ["x=1,2", "net=small"], 0),
        pytest.param(["x=1,2", "net.scale=1"], ["x=1,2"], 0, marks=pytest.mark.slow),
        pytest.param(["x=.5,2"], ["x=5e-1,2"], 0, marks=pytest.mark.slow),
        (["x=1,2"], ["x=1.0,2.0"], 2),
        pytest.param(["x=1,1.0,1e0"], ["x=1,1.0"], 0, marks=pytest.mark.slow),
    ],
)
def test_a_point_is_its_configuration(here: Commands, first: list[str], second: list[str], num_new: int) -> None:
    sweep(here, *first, "study.name=s")
    sweep(here, *second, "study.name=s")
    assert len(ran(here)) == 2 + num_new


def test_an_edit_in_the_middle_of_a_sweep_changes_no_later_trial_and_is_said(here: Commands) -> None:
    process = here.start("python", "app.py", "-m", "x=1,2", "net=small,wide", "sleep=2", "study.name=s")
    wait_for(lambda: (here.folder / "ran.txt").exists())
    for name in NETS:
        net(here, name, "scale: 100\n")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert values(study(here).trials()) == [1, 5, 2, 10]
    told = [line for line in lines(err) if "edited" in line]
    assert len(told) == 1 and told[0].startswith("net/small, net/wide were edited while this ran.")
    doctor = here.run("sweeps", "doctor", "s")
    assert doctor.returncode == 0, doctor.stdout


def test_an_interrupted_trial_whose_configuration_changed_starts_afresh(here: Commands) -> None:
    interrupt(here, "x=1,2", "study.name=s")
    project(here.folder)
    net(here, "small", "scale: 3\n")
    sweep(here, "x=1,2", "study.name=s")
    found = study(here)
    assert values(found.trials()) == [3, 6] and [trial.configuration for trial in found.trials()] == [2, 2]
    assert "restarted" in [event.what for event in found.events(0)]
    assert len(list((here.folder / "logs/studies/s/trials").glob("000.other-1"))) == 1


def commit(commands: Commands, *arguments: str) -> str:
    named = ["git", "-c", "user.name=a", "-c", "user.email=b"]
    subprocess.run([*named, "commit", "-q", *arguments], cwd=commands.folder, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=commands.folder, check=True, capture_output=True, text=True)
    return head.stdout[:12]


def test_a_changed_program_is_warned_of_once_and_its_old_trials_are_named_as_long_as_they_are(here: Commands) -> None:
    for arguments in (["init", "-q"], ["add", "app.py"]):
        subprocess.run(["git", *arguments], cwd=here.folder, check=True)
    first = commit(here, "-m", "one")
    assert "Code:" not in sweep(here, "x=1,2,3", "study.name=s").stdout
    (here.folder / "app.py").write_text(APP.replace("return float(", "return 10 * float("))
    second = commit(here, "-am", "two")
    again = [sweep(here, "x=1,2,3", "study.name=s") for _ in range(2)]
    assert "Warning: the code has changed since this study's last command: app.py." in again[0].stderr
    assert "the code has changed" not in again[1].stderr and len(ran(here)) == 3
    for repeated in again:
        assert "\nCode:    All trials ran other code than there is now (app.py). " in repeated.stdout
    more = sweep(here, "x=1,2,3,4,5", "study.name=s")
    assert "\nCode:    trials 0 to 2 ran other code than there is now (app.py). " in more.stdout
    assert values(study(here).trials()) == [1, 2, 3, 40, 50]
    table = here.run("sweeps", "table", "s").stdout
    old, *_, new = (trial.outcome.ran.code[0][:8] for trial in study(here).trials() if trial.outcome)
    told = f"of different code: trials 0 to 2 ran {old}; trials 3, 4 ran {new}."
    assert told in table and old != new
    for arguments in (("--format", "csv"), ("--out", "table.csv"), ("--out", "table.parquet")):
        assert here.run("sweeps", "table", "s", *arguments).stderr == f"Warning: The trials of this table are {told}\n"
    assert here.run("sweeps", "table", "s", "--format", "json").stderr == ""
    assert f"Program: app.py at commit {first} (trials 0 to 2); app.py at commit {second} (trials 3, 4)." in table
    (here.folder / "app.py").write_text(APP)  # as it was
    assert "Code:    trials 3, 4 ran other" in sweep(here, "x=1,2,3,4,5", "study.name=s").stdout
    assert "Code:" not in sweep(here, "x=1,2", "study.name=t").stdout


PARTS = """
import hydra

from near import NEAR
from linked.inner import LINKED


@hydra.main(config_path="conf", config_name="config")
def main(cfg):
    from late import LATE

    if cfg.x == 9:  # an edit while the sweep runs
        with open("late.py", "w") as file:
            file.write("LATE = 5\\n")
    return float(cfg.x * NEAR * LINKED * LATE)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("is_repository", [False, True])
@pytest.mark.parametrize(
    ("edited", "named", "name"),
    [
        ("app/near.py", "near.py", "NEAR"),  # not known to git
        ("shared/inner.py", "linked/inner.py", "LINKED"),  # behind a link to a folder elsewhere
        ("app/late.py", "late.py", "LATE"),  # imported by the task itself
    ],
)
def test_an_edit_of_what_a_trial_imports_is_seen_and_no_other(
    commands: Commands, edited: str, named: str, name: str, is_repository: bool
) -> None:
    folder = project(commands.folder / "app", app=PARTS)
    (commands.folder / "shared").mkdir()
    for path, text in {
        "shared/inner.py": "LINKED = 1\n",
        "app/near.py": "NEAR = 1\n",
        "app/late.py": "LATE = 1\n",
    }.items():
        (commands.folder / path).write_text(text)
    (folder / "linked").symlink_to("../shared")
    here = Commands(folder)
    if is_repository:
        for arguments in (["init", "-q"], ["add", "app.py", "linked"]):
            subprocess.run(["git", *arguments], cwd=folder, check=True)
        commit(here, "-m", "one")
    sweep(here, "x=1,2", "study.name=s")
    (folder / "other.py").write_text("x = 1\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_app.py").write_text("x = 1\n")
    if is_repository:
        subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
        commit(here, "-am", "what no trial imports, and what all have imported")
    same = sweep(here, "x=1,2,3", "study.name=s")
    assert "Code:" not in same.stdout and "code" not in same.stderr
    (commands.folder / edited).write_text(f"{name} = 2\n")
    other = sweep(here, "x=1,2,3,4", "study.name=s")
    assert f"Warning: the code has changed since this study's last command: {named}." in other.stderr
    assert f"\nCode:    trials 0 to 2 ran other code than there is now ({named}). " in other.stdout
    assert values(study(here).trials()) == [1, 2, 3, 8]


def test_a_module_that_is_edited_while_a_sweep_runs_is_told_of_the_trials_that_import_it(commands: Commands) -> None:
    here = Commands(project(commands.folder / "app", app=PARTS))
    for name in ("NEAR", "LATE"):
        (here.folder / f"{name.lower()}.py").write_text(f"{name} = 1\n")
    (here.folder / "linked").mkdir()
    (here.folder / "linked" / "inner.py").write_text("LINKED = 1\n")
    told = sweep(here, "x=1,9,2", "study.name=s").stdout
    assert values(study(here).trials()) == [1, 9, 10]
    assert "\nCode:    trials 0, 1 ran other code than there is now (late.py). " in told
    assert "of different code: trials 0, 1 ran " in here.run("sweeps", "table", "s").stdout


def test_a_trial_that_goes_on_with_other_code_says_both(here: Commands) -> None:
    interrupt(here, "x=1", "study.name=s")
    (here.folder / "app.py").write_text(APP.replace("time.sleep(cfg.sleep)", ""))
    found = sweep(here, "x=1", "study.name=s")
    (trial,) = study(here).trials()
    assert trial.outcome is not None and len(set(trial.outcome.ran.code)) == 2 and trial.attempt == 2
    assert "Code:    All trials ran other code" in found.stdout  # in part
    assert ", then " in here.run("sweeps", "table", "s", "--trials").stdout


@pytest.mark.slow  # so does tests/sweeps/test_configurations.py, without a process
def test_a_sampler_draws_anew_for_a_changed_configuration(here: Commands) -> None:
    line = ("x=interval(1,2)", "study.n_trials=3", "study.name=s")
    sweep(here, *line)
    assert sweep(here, *line).returncode == 0 and len(ran(here)) == 3
    net(here, "small", "scale: 100\n")
    sweep(here, *line)
    assert len(ran(here)) == 6 and min(values(study(here).current_trials())) >= 100
