"""Whole sweeps of an application without torch: what survives which fault."""

import csv
import os
import re
import signal
import subprocess
import time
from collections import Counter

import pytest

from sweeps.outcome import Completed, Failed
from sweeps.study.records import TrialRow
from tests.conftest import FAKES, Commands, lines, wait_for
from tests.invariants import alive_in, study

GRID = ("-m", "x=1,2,3", "kind=a,b", "study.name=s")


def trials(commands: Commands, name: str = "s") -> list[TrialRow]:
    return study(commands, name).trials()


def executions(commands: Commands) -> Counter[str]:
    return Counter(lines((commands.folder / "executions.txt").read_text()))


def test_every_point_is_run_once_and_the_same_line_again_runs_none(commands: Commands) -> None:
    first = commands.run("fake", *GRID)
    assert first.returncode == 0, first.stderr
    assert [trial.state for trial in trials(commands)] == ["completed"] * 6
    assert "[6/6]" in first.stdout and "| 3 " in first.stdout
    second = commands.run("fake", *GRID)
    assert second.returncode == 0 and "Study s: 6 trials, 6 of them done." in second.stdout
    assert set(executions(commands).values()) == {1} and len(executions(commands)) == 6
    # Another value adds its points only.
    assert commands.run("fake", "-m", "x=1,2,3,4", "kind=a,b", "study.name=s").returncode == 0
    assert set(executions(commands).values()) == {1} and len(executions(commands)) == 8


def test_without_a_name_the_same_line_finds_the_same_study(commands: Commands) -> None:
    commands.run("fake", "-m", "x=1,2")
    commands.run("fake", "-m", "x=1,2", "study.slots=1")
    assert sum(executions(commands).values()) == 2


@pytest.mark.slow  # tests/chaos has more kills, and what they leave
def test_kill_of_the_command_leaves_no_process_and_the_same_line_finishes(commands: Commands) -> None:
    process = commands.start("fake", *GRID, "sleep_s=3")
    wait_for(lambda: (commands.folder / "executions.txt").exists() and len(executions(commands)) >= 3)
    process.kill()
    process.communicate()
    wait_for(lambda: alive_in(commands) == [], timeout_s=5)
    again = commands.run("fake", *GRID, "sleep_s=3")
    assert again.returncode == 0, again.stderr
    assert [trial.state for trial in trials(commands)] == ["completed"] * 6
    assert max(trial.attempt for trial in trials(commands)) == 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupted_command_hands_its_trials_back(commands: Commands, number: int, code: int) -> None:
    process = commands.start("fake", *GRID, "sleep_s=4", "study.stop_grace_s=120")
    wait_for(lambda: (commands.folder / "executions.txt").exists() and len(executions(commands)) == 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)  # half the grace: it does not wait for it
    assert process.returncode == code
    assert "continues the study" in err
    assert alive_in(commands) == []
    assert study(commands).counts() == {"open": 6, "running": 0, "done": 0}
    assert commands.run("fake", *GRID, "sleep_s=4").returncode == 0
    assert {trial.state for trial in trials(commands)} == {"completed"}


def test_a_second_signal_ends_at_once(commands: Commands) -> None:
    process = commands.start("fake", "-m", "x=1,2", "study.name=s", "mode=hang", "study.stop_grace_s=120")
    wait_for(lambda: (commands.folder / "executions.txt").exists() and len(executions(commands)) == 2)
    for trial in trials(commands):
        os.kill(pid_of(commands, trial.number), signal.SIGSTOP)  # does not react to the first one
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)  # half the grace
    assert process.returncode == 130
    assert alive_in(commands) == []


def pid_of(commands: Commands, number: int) -> int:
    from sweeps.trial.journal import events

    path = commands.folder / "studies" / "s" / "trials" / f"{number:03d}" / "journal.jsonl"
    return int(events(path, "attempt")[-1]["pid"])


MODES = {
    "raise": ("error", "ValueError: wrong shape", 1),
    "io": ("input_output", "OSError: disk gone", 2),
    "memory": ("out_of_memory", "MemoryError", 2),
    "exit": ("crash", "exited with code 3", 2),
    "sysexit": ("crash", "exited with code 0 without a result (sys.exit in app.py, line ", 2),
    "interrupt": ("error", "KeyboardInterrupt: no message", 1),
    "kill": ("crash", "killed by SIGKILL", 2),
    "segfault": ("crash", "killed by SIGSEGV", 2),
    "not_a_number": ("nonfinite", "nan", 1),
    "infinite": ("nonfinite", "-inf", 1),
    "none": ("no_objective", "None", 1),
    "text": ("no_objective", "0.5", 1),
}


def test_failures_are_recorded_with_their_cause_and_stop_nothing(commands: Commands) -> None:
    result = commands.run("fake", "-m", f"mode=ok,{','.join(MODES)}", "study.name=s", "study.max_retries=1")
    assert result.returncode == 1
    done = {trial.point.overrides["mode"]: trial for trial in trials(commands) if trial.point}
    assert done["ok"].state == "completed"
    for mode, (cause, text, attempts) in MODES.items():
        outcome = done[mode].outcome
        assert isinstance(outcome, Failed), mode
        assert (outcome.cause, done[mode].attempt) == (cause, attempts), mode
        assert text in outcome.detail and "x=1.0" in outcome.log_tail, mode
        assert re.search(rf"trial {done[mode].number} failed \({cause}\)", result.stderr), mode
    assert "0.0000" not in result.stdout


@pytest.mark.long
def test_failed_trials_stay_failed_until_asked_for(commands: Commands) -> None:
    line = ("-m", "mode=ok,raise", "study.name=s")
    assert commands.run("fake", *line).returncode == 1
    assert commands.run("fake", *line).returncode == 1
    assert sum(executions(commands).values()) == 2
    assert commands.run("fake", *line, "study.retry_failed=true").returncode == 1
    assert sum(executions(commands).values()) == 3
    storage = ("--storage", f"sqlite:///{commands.folder}/studies/studies.db")
    refused = commands.run("sweeps", "retry", "s", "--trial", "0", *storage)
    assert refused.returncode == 2 and "s: trial 0 is completed. Failed trials are run again" in refused.stderr
    said = commands.run("sweeps", "retry", "s", "--trial", "1", "--fresh", *storage)
    worker = f"sweeps worker {' '.join(storage)} s"
    assert said.stdout == f"s: to be run from the beginning: 1. Type the study's line, or `{worker}`.\n"
    assert commands.run("fake", *line).returncode == 1
    assert sum(executions(commands).values()) == 4
    again = commands.run("sweeps", "show", "s", "--trial", "1", *storage).stdout
    assert again.count("restarted") == 2 and "sweeps retry" in again and "study.retry_failed" in again


@pytest.mark.long
@pytest.mark.parametrize(
    ("key", "cause", "attempts"), [("trial_timeout_s", "timeout", 1), ("stall_timeout_s", "hung", 2)]
)
def test_a_hung_trial_is_ended_with_its_group(commands: Commands, key: str, cause: str, attempts: int) -> None:
    result = commands.run("fake", "-m", "mode=ok,hang", "study.name=s", f"study.{key}=3", timeout=60)
    assert result.returncode == 1
    ok, hung = trials(commands)
    assert ok.state == "completed" and isinstance(hung.outcome, Failed)
    assert (hung.outcome.cause, hung.attempt) == (cause, attempts)
    assert alive_in(commands) == []


def test_tpe_draws_exactly_its_budget_and_more_extends_it(commands: Commands) -> None:
    line = ("-m", "x=interval(-3,3)", "study.name=s")
    assert commands.run("fake", *line, "study.n_trials=6").returncode == 0
    before = [trial.point for trial in trials(commands)]
    assert len(before) == 6 and len({point.key for point in before if point}) == 6
    assert commands.run("fake", *line, "study.n_trials=8").returncode == 0
    after = [trial.point for trial in trials(commands)]
    assert len(after) == 8 and after[:6] == before


def test_a_pruner_stops_a_trial_that_reports_worse(commands: Commands) -> None:
    pruner = "study.pruner={_target_:optuna.pruners.ThresholdPruner,upper:5.0}"
    result = commands.run("fake", "-m", "x=1,9", "study.name=s", pruner, "sleep_s=1", "study.slots=1")
    assert result.returncode == 0, result.stderr
    assert [trial.state for trial in trials(commands)] == ["completed", "pruned"]


@pytest.mark.long
def test_a_study_without_tracking_is_examined_without_it(commands: Commands) -> None:
    commands.run("fake", "-m", "x=1,2", "study.name=s")
    storage = f"sqlite:///{commands.folder}/studies/studies.db"
    done = commands.run("sweeps", "sync", "s", "--storage", storage)
    assert done.returncode == 0 and "started without tracking" in done.stdout
    done = commands.run("sweeps", "doctor", "s", "--storage", storage)
    assert done.returncode == 0 and "agree" in done.stdout
    assert "mlflow.db" not in commands.made()


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_before_the_first_trial_just_ends(commands: Commands, number: int, code: int) -> None:
    process = commands.start("train", "-m", "model=dense,cnn")
    wait_for(lambda: any("forkserver" in line for line in alive_in(commands)))
    time.sleep(0.5)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code and "Traceback" not in err
    assert commands.made() == [] and alive_in(commands) == []


@pytest.mark.long
def test_a_study_of_the_name_in_another_database_takes_nothing_over(commands: Commands) -> None:
    line = ("-m", "x=1,2", "study.name=s", "+recorded.loss=1.0")
    other = f"study.storage=sqlite:///{commands.folder}/other.db"
    assert commands.run("fake", *line).returncode == 0
    second = commands.run("fake", "-m", "x=3,4", "study.name=s", "+recorded.acc=1.0", other)
    assert second.returncode == 0 and "holds another study of this name" in second.stderr
    found = study(commands, url=f"sqlite:///{commands.folder}/other.db")
    metrics = [trial.outcome.metrics for trial in found.trials() if isinstance(trial.outcome, Completed)]
    assert metrics == [{"acc": 1.0}] * 2
    assert sum(executions(commands).values()) == 4
    for url in (f"sqlite:///{commands.folder}/studies/studies.db", f"sqlite:///{commands.folder}/other.db"):
        examined = commands.run("sweeps", "doctor", "s", "--storage", url)
        assert examined.returncode == 0, examined.stdout
    # Gone with its database, the first study leaves its folder to nobody.
    (commands.folder / "studies" / "studies.db").unlink()
    third = commands.run("fake", *line)
    assert third.returncode == 0 and "holds another study of this name" in third.stderr
    assert sum(executions(commands).values()) == 6


def test_sigterm_to_the_whole_group_hands_the_trials_back(commands: Commands) -> None:
    """As `timeout` and systemd send it: to the command and to its fork server."""
    process = commands.start("fake", "-m", "x=1,2", "study.name=s", "sleep_s=60")
    wait_for(lambda: (commands.folder / "executions.txt").exists() and len(executions(commands)) == 2)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143 and alive_in(commands) == []
    assert [event.what for event in study(commands).events(1)] == ["claimed", "handed back"]


def test_preview_lists_and_creates_nothing(commands: Commands) -> None:
    result = commands.run("fake", *GRID, "study.preview=true")
    assert result.returncode == 0
    assert "6 trials, 6 of them new" in result.stdout
    assert commands.made() == []


@pytest.mark.long
def test_an_axis_may_have_the_name_of_the_objective(commands: Commands) -> None:
    result = commands.run("fake", "-m", "x=2", "loss=l1,l2", "+recorded.loss=5", "study.name=s")
    assert result.returncode == 0, result.stderr
    assert "| loss   |   n |   objective/loss |" in result.stdout
    storage = ("--storage", f"sqlite:///{commands.folder}/studies/studies.db")
    for options in ["--format", "csv", "--metric", "loss"], ["--trials"]:
        done = commands.run("sweeps", "table", "s", *options, *storage)
        assert done.returncode == 0, done.stderr
        rows = list(csv.DictReader(lines(done.stdout)))
        assert [(row["loss"], row["objective/loss"]) for row in rows] == [("l1", "4.0"), ("l2", "4.0")]
    assert [row["metric/loss"] for row in rows] == ["5.0", "5.0"]


@pytest.mark.long
def test_another_worker_joins_an_unfinished_study_from_the_command_line(commands: Commands) -> None:
    first = commands.start("fake", *GRID, "sleep_s=3", "study.slots=1", "study.retry_failed=true")
    wait_for(lambda: (commands.folder / "executions.txt").exists())
    storage = f"sqlite:///{commands.folder}/studies/studies.db"
    second = commands.run("sweeps", "worker", "s", "--storage", storage)
    _, err = first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), err + second.stderr
    assert set(executions(commands).values()) == {1} and len(executions(commands)) == 6
    assert len({trial.worker for trial in trials(commands)}) == 2
    assert [trial.attempt for trial in trials(commands)] == [1] * 6


@pytest.mark.slow  # tests/e2e/test_elsewhere.py joins from another folder, too
def test_a_worker_runs_the_configuration_of_the_command_that_it_joins(commands: Commands) -> None:
    folder = commands.folder / "conf"
    folder.mkdir()
    (folder / "other.yaml").write_text((FAKES / "conf" / "app.yaml").read_text().replace("x: 1.0", "x: 5.0"))
    line = ("--config-dir", str(folder), "--config-name=other", "-m", "kind=a,b,c", "study.name=s", "sleep_s=3")
    first = commands.start("fake", *line)
    wait_for(lambda: (commands.folder / "executions.txt").exists() and len(executions(commands)) == 2)
    first.kill()
    first.communicate()
    result = commands.run("sweeps", "worker", "s", "--storage", f"sqlite:///{folder.parent}/studies/studies.db")
    assert result.returncode == 0, result.stderr
    # Only the other configuration says so.
    assert [outcome.values for trial in trials(commands) if isinstance(outcome := trial.outcome, Completed)] == [
        (25.0,)
    ] * 3


def test_a_worker_of_an_unknown_study_is_one_line(commands: Commands) -> None:
    commands.run("fake", "-m", "x=1", "study.name=first")
    storage = f"sqlite:///{commands.folder}/studies/studies.db"
    result = commands.run("sweeps", "worker", "frist", "--storage", storage)
    assert result.returncode == 2 and len(lines(result.stderr)) == 1 and "Did you mean 'first'" in result.stderr


def test_a_launcher_is_a_module_and_a_line(commands: Commands) -> None:
    """It pickles the order; the worker is a process that has never seen the command."""
    result = commands.run("launched", *GRID, "hydra/launcher=subprocesses")
    assert result.returncode == 0, result.stderr
    assert set(executions(commands).values()) == {1} and len(executions(commands)) == 6
    assert "[6/6]" in result.stdout


def test_the_story_of_a_trial_says_why_it_ran_again(commands: Commands) -> None:
    assert commands.run("fake", "-m", "mode=ok,kill", "study.name=s", "study.max_retries=1").returncode == 1
    storage = f"sqlite:///{commands.folder}/studies/studies.db"
    story = commands.run("sweeps", "show", "s", "--trial", "1", "--storage", storage).stdout
    told = [line.split("  ") for line in lines(story)[2:]]
    told = [[cell.strip() for cell in row if cell.strip()][1:4] for row in told]
    assert told == [
        ["1", "claimed", "the first attempt"],
        ["1", "retried", "crash: killed by SIGKILL"],
        ["2", "claimed", "after attempt 1"],
        ["2", "finished", "failed, crash: killed by SIGKILL"],
    ]
    [log] = (commands.folder / "studies" / "s").glob("worker-*.log")
    assert "trial 1, attempt 1: retried: crash: killed by SIGKILL" in log.read_text()
    none = commands.run("sweeps", "show", "s", "--trial", "9", "--storage", storage)
    assert none.returncode == 2 and "--trial=9: study 's' has trials 0 to 1." in none.stderr


@pytest.mark.parametrize(
    "pause_s", [pytest.param(0.0, marks=pytest.mark.slow), 0.002, pytest.param(0.05, marks=pytest.mark.slow)]
)
def test_two_sigterms_in_one_instant_hand_the_trials_back(commands: Commands, pause_s: float) -> None:
    process = commands.start("fake", "-m", "x=1,2", "study.name=s", "sleep_s=60")
    wait_for(lambda: (commands.folder / "executions.txt").exists() and len(executions(commands)) == 2)
    process.send_signal(signal.SIGTERM)
    time.sleep(pause_s)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert study(commands).counts() == {"open": 2, "running": 0, "done": 0}
    assert [event.what for event in study(commands).events(0)] == ["claimed", "handed back"]


def test_a_plain_run_of_an_application_of_ours_is_refused_in_one_line_too(commands: Commands) -> None:
    result = commands.run("fake", "sleeps=1")
    assert result.returncode == 2 and len(lines(result.stderr)) == 1 and "'sleep_s'" in result.stderr


def test_an_application_with_another_sweeper_keeps_hydras_own_report(commands: Commands) -> None:
    result = commands.run("fake", "-m", "hydra/sweeper=basic", "x=1,2", "sleeps=1")
    assert result.returncode == 1 and "To append to your config use +sleeps=1" in result.stderr


def test_an_error_of_the_task_itself_is_hydras_to_report(commands: Commands) -> None:
    result = commands.run("fake", "mode=raise")
    assert result.returncode == 1 and "ValueError: wrong shape" in result.stderr and "Traceback" in result.stderr


def test_the_stock_sweeper_still_works(commands: Commands) -> None:
    result = commands.run("fake", "-m", "hydra/sweeper=basic", "x=1,2", "hydra.sweep.dir=basic")
    assert result.returncode == 0, result.stderr
    assert sum(executions(commands).values()) == 2


BAD = {
    "a misspelt key": (["x=1,2", "sleeps=1"], "sleep"),
    "a sweep over an unknown key": (["xx=1,2"], "'xx'"),
    "an empty grid": (["x=range(1,1)"], "sweeps over no value"),
    "a bad value": (["x=[1"], "x=[1"),
    "an unknown study key": (["x=1,2", "study.slot=2"], "slots"),
    "an unknown sampler": (["x=1,2", "study.sampler=tpee"], "tpe"),
    "a grid without end": (["x=interval(0,1)", "study.sampler=grid"], "interval"),
    "a bad direction": (["x=1,2", "study.direction=up"], "maximize"),
    "no slots": (["x=1,2", "study.slots=0"], "study.slots=0"),
    "a pruner without its arguments": (
        ["x=1,2", "study.pruner={_target_: optuna.pruners.PercentilePruner}"],
        "percentile",
    ),
    "a pruner that is none": (
        ["x=1,2", "study.pruner={_target_: optuna.pruners.NopPruner, _partial_: true}"],
        "no pruner",
    ),
    "a storage that does not answer": (["x=1,2", "study.storage='postgresql://u:pw@127.0.0.1:1/d'"], "does not answer"),
    "no storage at all": (["x=1,2", "study.storage=nonsense"], "storage URL"),
    "a sweep over how it runs": (["study.slots=1,2"], "cannot be swept"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_created(commands: Commands, case: str) -> None:
    arguments, text = BAD[case]
    result: subprocess.CompletedProcess[str] = commands.run("fake", "-m", *arguments)
    assert result.returncode == 2, result.stdout
    assert text in result.stderr and len(lines(result.stderr)) == 1
    assert ":pw@" not in result.stderr
    assert commands.made() == []


@pytest.mark.long
def test_a_study_is_deleted_with_what_is_its_own(commands: Commands) -> None:
    assert commands.run("fake", "-m", "x=1,2", "study.name=s").returncode == 0
    assert commands.run("fake", "-m", "x=1", "study.name=t").returncode == 0
    storage = ("--storage", f"sqlite:///{commands.folder}/studies/studies.db")
    asked = commands.run("sweeps", "delete", "s", *storage)
    assert (asked.returncode, asked.stderr) == (1, "")
    assert asked.stdout.splitlines()[-1] == "Nothing was deleted. --yes deletes without asking."
    assert asked.returncode != 0 and "2 trials" in asked.stdout and len(trials(commands)) == 2
    done = commands.run("sweeps", "delete", "s", "--yes", *storage)
    assert done.returncode == 0 and "2 trials deleted" in done.stdout, done.stderr
    assert not (commands.folder / "studies" / "s").exists()
    assert [trial.state for trial in trials(commands, "t")] == ["completed"]
    (commands.folder / "studies" / "t" / "owner.json").write_text('{"study": "another"}')
    done = commands.run("sweeps", "delete", "t", "--yes", *storage)
    assert done.returncode == 0 and "does not say that it is this study's" in done.stdout
    assert (commands.folder / "studies" / "t" / "trials" / "000").is_dir()
    assert commands.run("sweeps", "show", "t", *storage).returncode == 2
    again = commands.run("fake", "-m", "x=1,2,3", "study.name=s")
    assert again.returncode == 0 and "[3/3]" in again.stdout
