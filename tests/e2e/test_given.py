"""Sweeps over points that were given as mappings, and over mappings as values of an axis."""

import csv
import subprocess

import optuna
import pytest

from sweeps.report.frame import trial_frame
from tests.conftest import Commands, lines
from tests.invariants import study

pytestmark = pytest.mark.long

POINTS = "study.points=[{x:1,loss:a,_role_:baseline},{x:2,loss:b},{x:3,loss:b,_role_:weighting}]"
LINE = ("-m", POINTS, "kind=u,v", "study.name=s")


def executions(commands: Commands) -> list[str]:
    return sorted(lines((commands.folder / "executions.txt").read_text()))


def run(commands: Commands, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = commands.run("fake", *arguments)
    assert done.returncode == 0, done.stderr
    return done


def test_points_run_once_with_their_roles_and_the_same_line_again_runs_none(commands: Commands) -> None:
    preview = run(commands, *LINE, "study.preview=true").stdout
    assert "   0  new        kind=u x=1 loss=a (baseline)" in preview and "6 trials, 6 of them new" in preview
    first = run(commands, *LINE)
    assert executions(commands) == [f"{x} {kind}" for x in (1, 2, 3) for kind in "uv"]
    assert "| baseline  | u " in first.stdout and "| role " in first.stdout
    again = run(commands, *LINE)
    assert "Study s: 6 trials, 6 of them done." in again.stdout and len(executions(commands)) == 6

    made = study(commands, "s")
    roles = [(trial.point.role, trial.point.overrides["x"]) for trial in made.trials() if trial.point]
    assert roles == [("baseline", "1"), ("", "2"), ("weighting", "3")] * 2
    trials = optuna.load_study(study_name="s", storage=made.database.storage).trials
    assert {trial.user_attrs.get("role") for trial in trials} == {"baseline", None, "weighting"}
    assert {str(trial.distributions["x"]) for trial in trials} == {"CategoricalDistribution(choices=(1, 2, 3))"}
    assert {str(trial.distributions["loss"]) for trial in trials} == {"CategoricalDistribution(choices=('a', 'b'))"}
    run_csv = commands.run("sweeps", "table", "s", "--storage", f"sqlite:///{commands.folder}/studies/studies.db")
    assert run_csv.returncode == 0 and "baseline" in run_csv.stdout

    # A point that is there already is not run again; the role that it gets later is noted.
    more = "study.points=[{x:2,loss:b,_role_:late},{x:4,loss:b}]"
    run(commands, "-m", more, "kind=u", "study.name=s")
    assert executions(commands)[-1] == "4 u" and len(executions(commands)) == 7
    assert study(commands, "s").trials()[1].point.role == "late"  # type: ignore[union-attr]


def test_a_mapping_as_a_value_is_one_number_per_key_in_table_and_optuna(commands: Commands) -> None:
    line = ("-m", "+w={a:1,b:0.5},{a:0.1,b:2}", "study.name=s")
    run(commands, *line)
    made = study(commands, "s")
    frame = trial_frame(made)
    assert frame.varied == ("+w.a", "+w.b")
    assert frame.overrides[["+w.a", "+w.b"]].values.tolist() == [[1, 0.5], [0.1, 2]]
    trials = optuna.load_study(study_name="s", storage=made.database.storage).trials
    assert [trial.params for trial in trials] == [{"+w.a": 1, "+w.b": 0.5}, {"+w.a": 0.1, "+w.b": 2}]
    assert made.trials()[0].point.overrides == {"+w": "{a:1,b:0.5}"}  # type: ignore[union-attr]
    table = (
        "table",
        "s",
        "--trials",
        "--format",
        "csv",
        "--storage",
        f"sqlite:///{commands.folder}/studies/studies.db",
    )
    rows = list(csv.DictReader(lines(commands.run("sweeps", *table).stdout)))
    assert [(row["+w.a"], row["+w.b"]) for row in rows] == [("1", "0.5"), ("0.1", "2")]
    # Keys of their own compose to the same configurations: nothing is trained again.
    run(commands, "-m", "study.points=[{+w.a:1,+w.b:0.5},{+w.a:0.1,+w.b:2}]", "study.name=s")
    assert len(executions(commands)) == 2


def test_a_key_that_is_swept_later_over_its_implied_value_runs_no_trial_again(commands: Commands) -> None:
    implied = "study.implied={w: 1.0}"
    run(commands, "-m", "x=1,2", "+w={b:2}", implied, "study.name=s")
    second = run(commands, "-m", "x=1,2", "+w={a:1,b:2},{a:0.5,b:2}", implied, "study.name=s")
    assert "Study s: 4 trials, 2 of them done." in second.stdout and len(executions(commands)) == 4
    found = trial_frame(study(commands, "s")).overrides[["x", "+w.a"]].values.tolist()
    assert found == [[1, 1], [2, 1], [1, 0.5], [2, 0.5]]
