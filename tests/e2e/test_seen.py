"""What a person sees of a study, and types next: with commands and applications as they are."""

import csv
import io
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from sweeps.outcome import Completed, Failed
from tests.conftest import BIN, FAKES, Commands
from tests.invariants import study

pytestmark = pytest.mark.long

PLAIN = ("-m", "hydra/sweeper=sweeps", "+study.name=p")


@pytest.fixture
def plain(commands: Commands) -> Commands:
    commands.environment |= {"PYTHONPATH": f"{FAKES}:{FAKES.parents[1]}", "PATH": f"{BIN}:{os.environ['PATH']}"}
    commands.environment["CALLS"] = str(commands.folder / "calls.txt")
    return commands


def typed(commands: Commands, line: str) -> str:
    """What a line of a summary prints that a person pastes into a shell."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=commands.folder, env=commands.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def line_of(output: str, label: str) -> str:
    (found,) = re.findall(rf"^{label}: +(.*)$", output, re.MULTILINE)
    return str(found)


def log_of(commands: Commands, directory: str, number: int) -> str:
    return (commands.folder / directory / "trials" / f"{number:03d}" / "trial.log").read_text()


def test_every_line_of_the_summary_is_a_command_that_works(plain: Commands) -> None:
    result = plain.run(
        "plain", *PLAIN, "x=3,0.5,2", "+y=1", "text='two words'", "+study.directory='my studies'",
        "+tracking.uri='sqlite:///my runs.db'", "+study.direction=minimize",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    best = line_of(result.stdout, "Best")
    assert best.startswith("trial 1, objective=1.25 (minimize): ")
    single = typed(plain, f"{best.split(': ', 1)[1]} hydra.run.dir=again")
    assert "dirname=+y=1,text='two words',x=0.5" in single.replace('"', "'")
    table = typed(plain, line_of(result.stdout, "Table"))
    assert "| x   |   n |   objective |" in table and "| 0.5 |   1 |      1.2500 |" in table
    assert "--tracking 'sqlite:///my runs.db'" in line_of(result.stdout, "MLflow")
    told = yaml.safe_load((plain.folder / "my studies/p/best.yaml").read_text())
    assert told["best"][0]["values"] == {"objective": 1.25} and told["best"][0]["params"] == {"x": 0.5}
    shown = typed(plain, line_of(result.stdout, "Table").replace("sweeps table", "sweeps show"))
    assert line_of(shown, "Best") == best
    assert "no study" not in typed(plain, "sweeps list --storage 'my studies'")


def test_a_finished_study_says_where_its_page_is_and_draws_it_again_only_for_new_trials(plain: Commands) -> None:
    line = ("plain", *PLAIN, "+study.report=true", "+tracking.uri=null")
    first = plain.run(*line, "x=1,2")
    page = Path(line_of(first.stdout, "Report"))
    assert first.returncode == 0 and page == plain.folder / "logs/studies/p/report.html"
    assert "2 trials: 2 completed." in page.read_text() and (page.parent / "plots" / "timeline.svg").is_file()
    drawn_at = page.stat().st_mtime_ns
    assert line_of(plain.run(*line, "x=1,2").stdout, "Report") == str(page) and page.stat().st_mtime_ns == drawn_at
    assert plain.run(*line, "x=1,2,3").returncode == 0 and "3 trials: 3 completed." in page.read_text()
    page.unlink()
    page.mkdir()  # nothing can be written there
    last = plain.run(*line, "x=1,2,3,4")
    assert last.returncode == 0 and "[4/4]" in last.stdout
    (told,) = (told for told in last.stderr.splitlines() if told.startswith("Warning"))
    assert told.startswith("Warning: the study's page was not written: IsADirectoryError: ")
    page.rmdir()
    off = plain.run("plain", *PLAIN, "+study.report=false", "+tracking.uri=null", "x=1,2,3,4")
    assert off.returncode == 0 and "Report:" not in off.stdout and not page.exists()


def test_the_objective_is_a_metric_of_every_run(plain: Commands) -> None:
    uri = f"sqlite:///{plain.folder}/mlflow.db"
    arguments = ("x=interval(1,2)", "+study.n_trials=3", f"+tracking.uri='{uri}'", "+study.direction=minimize")
    assert plain.run("plain", *PLAIN, *arguments).returncode == 0
    found = study(plain, "p", f"sqlite:///{plain.folder}/logs/studies/studies.db").trials()
    returned = {str(row.number): row.outcome.values[0] for row in found if isinstance(row.outcome, Completed)}
    client = MlflowClient(uri)
    (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name == "sweeps"]
    runs = client.search_runs([experiment], "tags.`sweeps.role` = 'trial'")
    assert len(runs) == 3
    assert {run.data.tags["trial"]: run.data.metrics["objective"] for run in runs} == returned
    assert typed(plain, "sweeps doctor p").startswith("p: 3 trials; study, journals and tracking agree.")
    rows = list(csv.DictReader(io.StringIO(typed(plain, "sweeps table p --format csv"))))
    assert [float(row["objective"]) for row in rows] == sorted(returned.values())
    assert all(len(row["x"]) > 10 for row in rows)
    told = typed(plain, "sweeps table p").splitlines()[2:]
    cells = [line.split("|")[1].strip() for line in told if line.startswith("|")]
    assert len(cells) == 3 and all(len(cell) <= 6 for cell in cells), cells


def test_an_application_is_told_of_its_jobs_as_hydra_does_it(plain: Commands) -> None:
    result = plain.run("plain", *PLAIN, "x=1,2", "+tracking.uri=null", "hydra.job.chdir=true")
    assert result.returncode == 0, result.stderr
    calls = (plain.folder / "calls.txt").read_text().splitlines()
    assert sorted(calls) == ["job end"] * 2 + ["job start"] * 2 + ["multirun end", "multirun start"]
    log = log_of(plain, "logs/studies/p", 0)
    assert f"cwd={plain.folder}/logs/studies/p/trials/000\n" in log and "dirname=x=1\n" in log
    again = f"{line_of(result.stdout, 'Best').split(': ', 1)[1]} hydra.run.dir=again"
    assert "hydra.job.chdir=true" in again and f"cwd={plain.folder}/again\n" in typed(plain, again)
    assert "[__main__][INFO] - x=1" in log and "__mp_main__" not in log


def test_a_place_for_the_trials_that_only_files_name_is_said_to_be_unused(plain: Commands) -> None:
    (plain.folder / "conf/place").mkdir(parents=True)
    (plain.folder / "conf/place/mine.yaml").write_text("# @package _global_\nhydra: {sweep: {dir: elsewhere}}\n")
    arguments = (*PLAIN, "x=1,2", "+tracking.uri=null", "--config-dir=conf", "+place=mine")
    told = "hydra.sweep.dir is not used: a study keeps its trials where it finds them again"
    first, again = (plain.run("plain", *arguments) for _ in range(2))
    assert first.returncode == again.returncode == 0, first.stderr
    assert first.stderr.count(told) == 1 and told not in again.stderr
    assert not (plain.folder / "elsewhere").exists()


FAKE = ("-m", "x=1,2", "study.name=s", "study.slots=1")


def test_a_retry_is_seen_and_a_text_at_the_end_is_a_failure(commands: Commands) -> None:
    result = commands.run("fake", "-m", "mode=ok,exit,bye,close", "study.name=s")
    assert result.returncode == 1
    assert result.stdout.count("trial 1 retried: crash: exited with code 3 without a result") == 1
    bye, close = (row.outcome for row in study(commands).trials()[2:])
    assert isinstance(bye, Failed) and (bye.cause, bye.detail) == ("error", "SystemExit: bye")
    assert "bye" in bye.log_tail.splitlines()
    assert isinstance(close, Failed) and close.detail == "the task has closed a file of sweeps: the pipe to its worker"
    assert [row.attempt for row in study(commands).trials()] == [1, 2, 1, 1]
    assert "trial 2 failed (error): SystemExit: bye" in result.stderr.splitlines()


def test_an_error_of_many_lines_is_one_clean_line_of_the_terminal(commands: Commands) -> None:
    main, its = pty.openpty()
    environment = {**commands.environment, "COLUMNS": "80", "LINES": "40"}
    done = commands.run("fake", "-m", "mode=noisy,ok", "study.name=s")
    assert done.stderr.splitlines() == [f"trial 0 failed (error): ValueError: line one line two {'x' * 300}"]
    command = [str(BIN / "sweeps"), "show", "s", "--storage", "studies"]
    subprocess.run(command, cwd=commands.folder, env=environment, stdout=its, timeout=60, check=True)
    os.close(its)
    shown = os.read(main, 100_000).decode()
    os.close(main)
    table = [line.rstrip() for line in shown.splitlines()][:4]
    assert all(len(line) <= 80 for line in table), table
    assert "ValueError: line one…" in shown or ("ValueError:" in shown and "…" in shown)
    assert "\x1b[31m" not in shown
    assert "\x1b[31mline one" in log_of(commands, "studies/s", 0)


def test_one_choice_more_is_refused_before_anything_is_written(commands: Commands) -> None:
    search = ("-m", "x=interval(0,1)", "study.name=s", "study.sampler=tpe", "study.direction=minimize")
    assert commands.run("fake", *search, "kind=a,b", "study.n_trials=3").returncode == 0
    before = [(row.number, row.state) for row in study(commands).trials()]
    more = commands.run("fake", *search, "kind=a,b,c", "study.n_trials=6")
    assert more.returncode == 2 and more.stderr.startswith("Error: kind=choice(a,b,c): study 's' has kind=choice(a,b)")
    assert len(more.stderr.splitlines()) == 1 and [(r.number, r.state) for r in study(commands).trials()] == before
    wider = commands.run("fake", "-m", "x=interval(-2,2)", *search[2:], "kind=a,b", "+z=1,2", "study.n_trials=5")
    assert wider.returncode == 0, wider.stderr
    # The three before lack z: this line draws its own five.
    points = [trial.point.overrides for trial in study(commands).trials() if trial.point]
    assert len(points) == 8 and sum("+z" in point for point in points) == 5


def test_a_pruner_beside_two_objectives_is_one_line(commands: Commands) -> None:
    pruner = "study.pruner={_target_: optuna.pruners.MedianPruner}"
    result = commands.run("fake", *FAKE, "study.objective=[a,b]", "study.direction=[minimize,minimize]", pruner)
    assert (
        result.returncode == 2
        and "compares one number, and there are 2: a, b. study.pruner=moasha compares several." in result.stderr
    )
    assert commands.made() == []


def test_the_trainer_s_first_sweep_and_a_joining_worker_print_no_warning(plain: Commands, tmp_path: Path) -> None:
    first = plain.run("train", "-m", "model=dense", "model.size=tiny", "trainer.max_epochs=1",
                      "trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "test=false", "study.name=t",
                      "tracking.uri=null")  # fmt: skip
    assert first.returncode == 0 and first.stderr == "", first.stderr
    joined = plain.run("sweeps", "worker", "t")
    assert joined.returncode == 0 and joined.stderr == "", joined.stderr
    assert line_of(joined.stdout, "Best").split(": ", 1)[1].startswith("train model=dense ")
