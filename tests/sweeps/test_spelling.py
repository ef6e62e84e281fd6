"""What is typed for another sweeper or launcher is answered with our own spelling, before anything is made."""

import pytest

from sweeps.errors import StudyError
from sweeps.launchers import launcher_of
from sweeps.spelling import SWEEPER_KEYS
from tests.conftest import Commands

STOCK = {
    "sampler": "{_target_: optuna.samplers.TPESampler}",
    "study_name": "s",
    "direction": "minimize",
    "n_trials": "4",
    "n_jobs": "2",
    "storage": "sqlite:///x.db",
    "search_space": "{x: 1}",
    "custom_search_space": "a.b",
    "max_failure_rate": "0.5",
    "max_batch_size": "3",
}


def test_every_key_of_the_stock_sweeper_is_known() -> None:
    from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf

    theirs = set(OptunaSweeperConf.__dataclass_fields__) - {"_target_", "defaults", "params"}
    assert theirs <= SWEEPER_KEYS.keys() == STOCK.keys()


def answered(commands: Commands, *arguments: str) -> str:
    result = commands.run("fake", *arguments)
    assert result.returncode == 2, result
    (line,) = result.stderr.splitlines()
    assert commands.made() == [] or commands.made() == ["extra"]
    return line


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("hydra.sweeper.n_trials=4", "hydra.sweeper.n_trials is a key of another sweeper. Here it is study.n_trials."),
        ("+hydra.sweeper.study_name=a", "hydra.sweeper.study_name is a key of another sweeper. Here it is study.name."),
        ("hydra.sweeper.sampler.seed=3", "Here it is study.sampler=tpe (or auto, grid, random), its seed study.seed."),
        (
            "hydra/sweeper/sampler=tpe",
            "hydra.sweeper.sampler is a key of another sweeper. Here it is study.sampler=tpe",
        ),
        ("hydra.sweeper.max_failure_rate=0.1", "Here it is study.max_failures, a number of trials."),
        ("hydra/launcher=submitit_slurm", "hydra/launcher=submitit_slurm: the workers of a study need no launcher."),
        ("hydra/launcher=joblib", "study.slots=N runs N trials at a time here"),
        ("hydra/launcher=ray", "batch jobs (sbatch, ray) that share study.storage"),
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


@pytest.mark.parametrize("key", STOCK)
def test_a_key_of_the_stock_sweeper_in_a_file_is_answered(commands: Commands, key: str) -> None:
    folder = commands.folder / "extra" / "experiment"
    folder.mkdir(parents=True)
    (folder / "tuned.yaml").write_text(f"# @package _global_\nhydra:\n  sweeper:\n    {key}: {STOCK[key]}\n")
    line = answered(commands, "--config-dir=extra", "-m", "x=1,2", "+experiment=tuned")
    assert f"hydra.sweeper.{key} is a key of another sweeper. Here it is {SWEEPER_KEYS[key]}." in line


def test_another_launcher_that_is_installed_is_refused_too() -> None:
    with pytest.raises(StudyError, match=r"need no launcher.*Known: basic"):
        launcher_of("rq")
