"""Keys of other sweepers and launchers work, or are answered with our own spelling before anything is made."""

import re
import shlex

import pytest

from sweeps.launchers import LAUNCHERS
from sweeps.outcome import Completed
from sweeps.spelling import OUR_LAUNCHERS, SWEEPER_KEYS, TAKEN_KEYS
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands

STOCK = {
    "search_space": "{x: 1}",
    "custom_search_space": "a.b",
    "max_failure_rate": "0.5",
    "max_batch_size": "3",
}


def test_every_key_of_the_stock_sweeper_is_known() -> None:
    from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf

    theirs = set(OptunaSweeperConf.__dataclass_fields__) - {"_target_", "defaults", "params"}
    assert theirs <= SWEEPER_KEYS.keys() | TAKEN_KEYS.keys()
    assert SWEEPER_KEYS.keys() == STOCK.keys()


def answered(commands: Commands, *arguments: str) -> str:
    result = commands.run("fake", *arguments)
    assert result.returncode == 2, result
    (line,) = result.stderr.splitlines()
    assert commands.made() == [] or commands.made() == ["extra"]
    return line


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("hydra.sweeper.n_trials=none", "hydra.sweeper.n_trials: Value 'none' of type 'str' could not be converted to"),
        (
            "hydra.sweeper.sampler.seed=3",
            "hydra.sweeper.sampler.seed is an option of a sampler, and no sampler is chosen."
            " Type hydra/sweeper/sampler=NAME as well.",
        ),
        ("study.pruner.patience=3", "and no pruner is chosen. Type study/pruner=NAME as well."),
        ("hydra.sweeper.sampler={_target_: optuna.samplers.TPESampler, startup: 1}", "unexpected keyword argument 'st"),
        ("hydra/sweeper/sampler=motpe", "study.sampler=motpe is unknown. Known: auto, grid, random, tpe, gp, cmaes,"),
        ("hydra.sweeper.max_failure_rate=0.1", "Here it is study.max_failures, a number of trials."),
        ("hydra/launcher=rq", "hydra/launcher=rq is not installed: pip install --pre hydra-rq-launcher"),
        ("hydra/launcher=dask", "hydra/launcher=dask does not exist. Known: basic, joblib, ray, rq, submitit_local, "),
        ("hydra/launcher=ray_worker", "submitit_slurm, ray_workers. Did you mean 'ray_workers'? The same line, or"),
        (
            "study/sampler=tep",
            "study/sampler=tep does not exist. Known: auto, brute, cmaes, gp, grid, nsgaii,",
        ),
        ("study/pruner=ashaa", "median, moasha, patient, percentile, threshold, wilcoxon. Did you mean 'asha'?"),
        (
            "hydra/job_logging=defualt",
            "hydra/job_logging=defualt does not exist. Known: default, disabled, none, ",
        ),
        (
            "study.sampler={_target_: optuna.samplers.TPESampler, n_startup_trials: -1}",
            "study.sampler.n_startup_trials=-1 must be a number of at least 0.",
        ),
        (
            "study.pruner={_target_: patient, patience: 2, wrapped_pruner: {_target_: median, n_warmup_steps: -2}}",
            "study.pruner.wrapped_pruner.n_warmup_steps=-2 must be a number of at least 0.",
        ),
        (
            "hydra.sweeper.params.x=choice(1,2)",
            "params.x=choice(1,2): on the command line a sweep needs no more than its key: 'x=choice(1,2)'.",
        ),
        ("hydra.sweep.dir=/data/out", "Type study.directory=/data/out."),
        ("hydra.sweep.subdir=${hydra.job.override_dirname}", "in study.directory/NAME/trials/NUMBER"),
    ],
)
def test_what_is_typed_for_others_is_answered(commands: Commands, typed: str, expected: str) -> None:
    assert expected in answered(commands, "-m", "x=1,2", typed)


def test_the_launchers_of_this_package_are_known() -> None:
    assert {"basic", *OUR_LAUNCHERS} == set(LAUNCHERS)


def test_another_sweeper_that_is_typed_says_that_it_does_not_read_the_study(commands: Commands) -> None:
    done = commands.run("fake", "-m", "x=1,2", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=1")
    assert done.returncode == 0, done.stderr
    assert (
        done.stderr.splitlines().count(
            "Warning: hydra/sweeper=optuna does not read study.direction=minimize, nor any other key of study;"
            " its own direction is hydra.sweeper.direction=minimize. hydra/sweeper=sweeps makes a study."
        )
        == 1
    )
    assert (commands.folder / "executions.txt").read_text().splitlines() != []


THEIR_SEARCH = """
defaults:
  - plain
  - _self_
  - override hydra/sweeper: sweeps
hydra:
  mode: MULTIRUN
  sweeper:
    study_name: theirs
    storage: sqlite:///kept.db
    direction: maximize
    n_trials: 5
    n_jobs: 1
    sampler: {_target_: optuna.samplers.TPESampler, seed: 7, n_startup_trials: 2}
    params:
      x: choice(1, 2, 3, 4, 5, 6)
"""


def test_a_search_that_was_written_for_the_stock_sweeper_runs_as_it_is(commands: Commands) -> None:
    (commands.folder / "extra").mkdir()
    (commands.folder / "extra" / "theirs.yaml").write_text(THEIR_SEARCH)
    commands.environment["CALLS"] = str(commands.folder / "calls.txt")
    line = ("--config-dir=extra", "--config-name=theirs", "hydra.sweeper.tracking.uri=null")
    done = commands.run("plain", *line)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Study theirs: 5 trials. Maximizes ") and "Best:    trial " in done.stdout
    trials = Study(Database(f"sqlite:///{commands.folder}/kept.db", is_view=True), "theirs").trials()
    [best] = re.findall(r"Best:    .*\.py (.*)", done.stdout)
    again = commands.run("plain", *shlex.split(best))
    assert "--config-dir=" in best and " hydra.mode=RUN " in best and again.returncode == 0, again.stderr
    assert list(commands.folder.glob("outputs/*/*/plain.log"))
    assert len({trial.point.key for trial in trials if trial.point}) == 5
    assert [type(trial.outcome) for trial in trials] == [Completed] * 5 and len({t.worker for t in trials}) == 1
    assert all(trial.point is not None and trial.point.overrides["x"] in "123456" for trial in trials)
    twice = commands.run("plain", *line, "hydra.sweeper.study.n_trials=6")
    assert twice.returncode == 2 and twice.stderr.endswith(
        "Error: hydra.sweeper.n_trials=5 and hydra.sweeper.study.n_trials=6 are one setting with two values."
        " Leave one of them out.\n"
    )
    more = commands.run("plain", *line, "hydra.sweeper.n_trials=6")
    assert more.returncode == 0 and "Study theirs: 6 trials, 5 of them done." in more.stdout, more.stderr


@pytest.mark.parametrize("key", STOCK)
def test_a_key_of_the_stock_sweeper_in_a_file_is_answered(commands: Commands, key: str) -> None:
    folder = commands.folder / "extra" / "experiment"
    folder.mkdir(parents=True)
    (folder / "tuned.yaml").write_text(f"# @package _global_\nhydra:\n  sweeper:\n    {key}: {STOCK[key]}\n")
    line = answered(commands, "--config-dir=extra", "-m", "x=1,2", "+experiment=tuned")
    assert f"hydra.sweeper.{key} is a key of another sweeper. Here it is {SWEEPER_KEYS[key]}." in line
