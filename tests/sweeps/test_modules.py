"""What the fork server imports once for all trials."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.outcome import Completed
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.worker.modules import check_preload
from tests.conftest import Commands

APP = """
import os
import sys

import hydra


@hydra.main(config_path=".", config_name="app")
def main(cfg):
    was_there = "slow" in sys.modules
    import slow
    return 1.0 if was_there and slow.PID != os.getpid() else 0.0

if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults:
  - study: sweeps
  - tracking: sweeps
  - _self_
  - override hydra/sweeper: sweeps
x: 1
study: {objective: was_there, direction: maximize, name: s}
tracking: {uri: null}
"""


def shares(commands: Commands, *arguments: str) -> list[float]:
    """Per trial, 1.0 where a module that the task imports had been imported by another process."""
    (commands.folder / "app.py").write_text(APP)
    (commands.folder / "app.yaml").write_text(CONFIG)
    (commands.folder / "slow.py").write_text("import os\nPID = os.getpid()\n")
    ran = [sys.executable, "app.py", "-m", "x=1,2", *arguments]
    done = subprocess.run(ran, cwd=commands.folder, env=commands.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    trials = Study(Database(f"sqlite:///{commands.folder}/logs/studies/studies.db"), "s").trials()
    return [trial.outcome.values[0] for trial in trials if isinstance(trial.outcome, Completed)]


def test_a_module_is_imported_once_for_all_trials(commands: Commands) -> None:
    assert shares(commands, "study.preload=[slow]") == [1.0, 1.0]


def test_else_a_task_imports_what_it_needs(commands: Commands) -> None:
    assert shares(commands) == [0.0, 0.0]


@pytest.mark.parametrize("modules", [None, [], ["json.decoder", "trainer_pkg.run"], ["own.part"]])
def test_modules_that_can_be_imported_are_taken(modules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "part.py").write_text("raise RuntimeError('imported by the check')")
    monkeypatch.syspath_prepend(tmp_path)
    check_preload(modules, "app:main", None)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (3, "study.preload=3. Valid: a list of modules, such as [my_package.training]."),
        (["json", 1], "study.preload=['json', 1]. Valid: a list of modules, such as [my_package.training]."),
        (["json.nope"], "study.preload: there is no module 'json.nope'. Valid: what `import` finds here."),
        ([""], "study.preload: there is no module ''. Valid: what `import` finds here."),
        (["json"], "study.preload: the application does not trust 'json'. Add it to its execution_whitelist."),
    ],
)
def test_others_are_refused_in_one_line(modules: Any, message: str) -> None:
    with pytest.raises(StudyError) as refused:
        check_preload(modules, "trainer_pkg.train:main", ("trainer_pkg.nets.*",))
    assert str(refused.value) == message


def test_an_applications_own_modules_are_trusted() -> None:
    check_preload(["trainer_pkg.run"], "trainer_pkg.train:main", ("torch.*",))
