"""Trials that share a process: each is as if it were alone, whatever happens to the others."""

import csv
import os
import re
import signal
from pathlib import Path

import mlflow
import pytest

from sweeps.outcome import Completed, Failed, Pruned
from sweeps.study.records import GROUP
from sweeps.trial import journal
from tests.chaos.test_kills import storm
from tests.conftest import Commands, lines, wait_for
from tests.invariants import check_invariants, study

GROUPS = "study.fuse=auto"
NAMED = ("study.name=s", "study.slots=1")


def log(commands: Commands, number: int, name: str = "trial.log") -> str:
    return (commands.folder / "studies" / "s" / "trials" / f"{number:03d}" / name).read_text()


def story(commands: Commands, number: int) -> list[tuple[int, str, str]]:
    return [(event.attempt, event.what, event.why) for event in study(commands).events(number)]


def executions(commands: Commands) -> list[str]:
    return sorted((commands.folder / "executions.txt").read_text().split(), key=float)


def test_the_preview_says_which_trials_are_fused_and_what_hinders_others(commands: Commands) -> None:
    line = ("-m", "x=1,2,3,4,5,100", "kind=plain,alone", "study.slots=2", "study.preview=true")
    result = commands.run("fused", *line, GROUPS)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-6:] == [
        "Fused:     trials 0, 2 and 4",
        "Fused:     trials 6 and 8",
        "Fused:     7 trials alone",
        "Not fused: x=100: fused among themselves only",
        "Not fused: kind: trials that differ in it are not fused",
        "Not fused: kind=alone cannot be fused",
    ]
    assert commands.made() == []


@pytest.mark.parametrize(
    ("value", "program", "expected"),
    [
        (
            "auto kind=broken",
            "fused",
            "study.fusion: capacity() has failed (KeyError: 'no such kind'). Mend it, or leave study.fuse out.",
        ),
        (
            "auto kind=number",
            "fused",
            "study.fusion: capacity() gave 5. Valid: sweeps.fusion.Capacity(most=N, pays=N), with N of at least 1.",
        ),
        ("1", "fused", "study.fuse=1 must be auto, off or a whole number of at least 2: the largest group."),
        ("many", "fused", "study.fuse=many must be auto, off or a whole number of at least 2: the largest group."),
        (
            "auto",
            "fake",
            "study.fuse=auto: this application does not say which of its trials may share a process (study.fusion, see"
            " docs/fused.md). Valid here: off.",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(commands: Commands, value: str, program: str, expected: str) -> None:
    result = commands.run(program, "-m", "x=1,2", *f"study.fuse={value}".split())
    assert (result.returncode, lines(result.stderr)) == (2, [f"Error: {expected}"]) and commands.made() == []


def test_fused_trials_have_their_own_results_logs_and_journals(commands: Commands) -> None:
    result = commands.run("fused", "-m", "x=1,2,3,4,5", GROUPS, *NAMED, "study.objective=loss")
    assert result.returncode == 0, result.stderr
    check_invariants_of(commands, {0: 1.0, 1: 4.0, 2: 9.0, 3: 16.0, 4: 25.0})
    assert executions(commands) == ["1", "2", "3", "4", "5"]
    assert [log(commands, 0).count("3 together"), log(commands, 3).count("2 together")] == [3, 3]
    assert "Shares its process with 1, 2: the first has in its log what they do together." in log(commands, 0)
    for number in range(5):
        assert log(commands, number).count(f"x is {number + 1}") == log(commands, number).count("x is") == 1
        assert log(commands, number, "fused.log").count(f"x was {number + 1}") == 1
        found = journal.read(commands.folder / f"studies/s/trials/{number:03d}/journal.jsonl")[0]
        steps = [record["metrics"]["loss"] for record in found if "metrics" in record]
        assert steps == [(number + 1) ** 2 + step for step in range(3)]


def check_invariants_of(commands: Commands, expected: dict[int, float]) -> None:
    outcomes = {row.number: row.outcome for row in study(commands).trials()}
    assert {number: getattr(outcome, "values", None) for number, outcome in outcomes.items()} == {
        number: (value,) for number, value in expected.items()
    }


@pytest.mark.long
def test_each_slot_has_its_part_of_trials_that_are_alike(commands: Commands) -> None:
    """The first trial is of another kind: the slot that it leaves does not find all others taken."""
    line = ("-m", "x=100,101,1,2,3,4", "sleep_s=1", "study.fuse=6", "study.name=s", "study.slots=2")
    result = commands.run("fused", *line)
    assert result.returncode == 0, result.stderr
    told = [re.findall(r"^Shares its process with ([\d, ]+):", log(commands, number)) for number in range(6)]
    assert told == [[], ["2, 3"], ["1, 3"], ["1, 2"], ["5"], ["4"]]


@pytest.mark.long
@pytest.mark.parametrize("mode", ["crash", "hang"])
def test_trials_of_a_process_that_fails_are_tried_alone_and_one_fails(commands: Commands, mode: str) -> None:
    options = ("study.stall_timeout_s=2", "study.max_retries=0")
    result = commands.run("fused", "-m", "x=6,7,8", f"mode={mode}", GROUPS, *NAMED, *options)
    assert result.returncode == 1, result.stderr
    first, second, third = (row.outcome for row in study(commands).trials())
    assert isinstance(first, Completed) and first.values == (36.0,)
    assert isinstance(second, Failed) and second.cause == ("crash" if mode == "crash" else "hung")
    assert isinstance(third, Completed) and third.values == (64.0,)
    what = "crash: exited with code 3 without a result" if mode == "crash" else "hung: no sign of progress for "
    told = [(attempt, event) for attempt, event, _ in story(commands, 0)]
    assert told == [(1, "claimed"), (1, "set apart"), (2, "claimed"), (2, "finished")]
    why = story(commands, 0)[1][2]
    assert why.startswith(what) and why.endswith("in one process with trials 1, 2; each is tried alone")
    assert executions(commands) == ["6", "6", "7", "7", "8", "8"]


def test_work_that_fails_together_is_done_alone(commands: Commands) -> None:
    result = commands.run("fused", "-m", "x=12,13,14", GROUPS, *NAMED)
    assert result.returncode == 0, result.stderr
    check_invariants_of(commands, {0: 144.0, 1: 169.0, 2: 196.0})
    assert "RuntimeError: 13 brings bad luck" in log(commands, 0)
    assert [what for _, what, _ in story(commands, 1)] == ["claimed", "set apart", "claimed", "finished"]


def test_a_trial_that_fails_or_leaves_takes_nobody_along(commands: Commands) -> None:
    result = commands.run("fused", "-m", "x=16,17,7", "mode=leave", GROUPS, *NAMED, "study.max_retries=0")
    assert result.returncode == 1, result.stderr
    first, second, third = (row.outcome for row in study(commands).trials())
    assert isinstance(first, Completed) and first.values == (256.0,)
    assert isinstance(second, Failed) and second.detail == "ValueError: 17 is not wanted"
    assert isinstance(third, Failed) and third.detail == "SystemExit: enough"
    assert [len(story(commands, number)) for number in range(3)] == [2, 2, 2]
    assert log(commands, 0).count("3 together") == 1 and log(commands, 0).count("1 together") == 2


@pytest.mark.long
def test_a_trial_that_is_skipped_leaves_and_the_others_go_on(commands: Commands) -> None:
    process = commands.start("fused", "-m", "x=1,2,3", "sleep_s=6", GROUPS, *NAMED)
    database = commands.folder / "studies" / "studies.db"
    wait_for(lambda: database.exists() and any(GROUP in row.progress for row in study(commands).trials()), 30)
    shown = commands.run("sweeps", "show", "s", "--storage", "studies").stdout
    assert "(with 0 and 2)" in shown
    assert commands.run("sweeps", "skip", "s", "--trial", "1", "--storage", "studies").returncode == 0
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert [row.state for row in study(commands).trials()] == ["completed", "skipped", "completed"]
    assert executions(commands) == ["1", "2", "3"]


def test_a_pruned_trial_leaves_and_the_others_go_on(commands: Commands) -> None:
    pruner = ("study/pruner=threshold", "study.pruner.upper=8.5", "study.objective=loss")
    result = commands.run("fused", "-m", "x=1,3,2", "sleep_s=1.5", GROUPS, *NAMED, *pruner)
    assert result.returncode == 0, result.stderr
    kinds = [type(row.outcome) for row in study(commands).trials()]
    assert kinds == [Completed, Pruned, Completed]
    assert "3 together" in log(commands, 0) and "2 together" in log(commands, 0)


@pytest.mark.long
def test_all_trials_of_a_process_are_handed_back_and_fused_again(commands: Commands) -> None:
    line = ("-m", "x=1,2,3", GROUPS, *NAMED)
    process = commands.start("fused", *line, "sleep_s=60")
    wait_for(lambda: Path(commands.folder / "executions.txt").exists() and len(executions(commands)) == 3, 30)
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert [[what for _, what, _ in story(commands, number)] for number in range(3)] == [["claimed", "handed back"]] * 3
    assert commands.run("fused", *line, "sleep_s=60", "study.preview=true").stdout.splitlines()[-1] == (
        "Fused:     trials 0 to 2"
    )


@pytest.mark.parametrize(
    ("num_kills", "num_points"), [(4, 12), pytest.param(20, 40, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_groups_under_kills_lose_and_repeat_nothing(commands: Commands, num_kills: int, num_points: int) -> None:
    values = ",".join(str(number) for number in range(20, 20 + num_points))
    options = ("study.fuse=4", "study.name=s", "study.max_retries=1000", "study.lease_s=2")
    storm(commands, "fused", ("-m", f"x={values}", "sleep_s=1.5", *options), 2, num_kills, last=num_points - 1)
    check_invariants(commands, num_points)


@pytest.mark.long
@pytest.mark.parametrize(
    ("num_weights", "num_kills"), [(2, 0), pytest.param(20, 20, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_real_trials_that_are_fused_give_the_table_of_a_study_of_lone_ones(
    commands: Commands, num_weights: int, num_kills: int
) -> None:
    weights = ",".join(f"{0.1 * (i + 1):.1f}" for i in range(num_weights))
    line = (
        *("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "trainer.max_epochs=3", "seed=0,1"),
        *(f"model.loss_weights.thickness={weights}", "study.max_retries=1000", "study.slots=2"),
    )
    assert commands.run("train", *line, "study.name=lone").returncode == 0
    storm(commands, "train", (*line, "study.fuse=auto", "study.name=fused"), 1, num_kills)
    examined = commands.run("sweeps", "doctor", "fused")
    assert examined.returncode == 0 and "agree" in examined.stdout, examined.stdout
    lone, fused = (table(commands, name) for name in ("lone", "fused"))
    assert len(lone) == len(fused) == 4 * num_weights
    for one, other in zip(lone, fused, strict=True):
        assert {**one, **numbers(one)} == {**other, **numbers(one)}
        assert numbers(other) == pytest.approx(numbers(one), rel=1e-5)
    groups = [log.read_text() for log in commands.folder.glob("logs/studies/fused/trials/*/trial.log")]
    assert sum("Shares its process with" in group for group in groups) >= 2 * num_weights  # dense, not cnn


@pytest.mark.long
@pytest.mark.parametrize("mode", ["runs", "values"])
def test_what_a_task_logs_to_mlflow_is_in_the_run_of_its_trial(commands: Commands, mode: str) -> None:
    uri = f"sqlite:///{commands.folder}/mlflow.db"
    done = commands.run("fused", "-m", "x=1,2,3", f"mode={mode}", *NAMED, GROUPS, f"tracking.uri={uri}")
    assert done.returncode == 0, done.stderr
    assert "Shares its process with 1, 2" in log(commands, 0)
    client = mlflow.MlflowClient(uri)
    runs = [run for each in client.search_experiments() for run in client.search_runs([each.experiment_id])]
    assert sorted(run.data.tags.get("sweeps.role", "stray") for run in runs) == ["study", "trial", "trial", "trial"]
    for run in runs:
        found = [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "own")]
        x = run.data.params.get("x")
        assert sorted(found) == ([(step, float(x)) for step in range(3)] if x else [])
        assert run.info.status == "FINISHED"


@pytest.mark.long
@pytest.mark.parametrize("fuse", ["off", "4"])
def test_trials_without_a_seed_begin_with_weights_of_their_own(commands: Commands, fuse: str) -> None:
    done = commands.run(
        *("train", "-m", "data=multihead_digits", "model=mlp", "model.size=tiny", "trainer.max_epochs=1", "seed=null"),
        *("model.optimizer.lr=1e-30,2e-30,3e-30", "study.slots=1", f"study.fuse={fuse}", "study.name=unseeded"),
    )
    assert done.returncode == 0, done.stderr
    rows = table(commands, "unseeded")
    assert len(rows) == len({row["val/loss"] for row in rows}) == 3
    logs = [log.read_text() for log in commands.folder.glob("logs/studies/unseeded/trials/*/trial.log")]
    assert sum("Shares its process with" in log for log in logs) == (3 if fuse == "4" else 0)


def table(commands: Commands, name: str) -> list[dict[str, str]]:
    """The trials of a study, without what differs by nature."""
    out = commands.run("sweeps", "table", name, "--trials", "--format", "csv").stdout
    return [
        {key: text for key, text in row.items() if key not in ("duration_s", "attempts")}
        for row in csv.DictReader(out.splitlines())
    ]


def numbers(row: dict[str, str]) -> dict[str, float]:
    """The metrics of a trial."""
    return {key: float(text) for key, text in row.items() if key.startswith(("train/", "val/", "test/"))}
