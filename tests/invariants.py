"""What tests of whole sweeps look at: the study in a folder, its processes, and what must hold when all is over."""

import contextlib
import math
from pathlib import Path

import optuna

from sweeps.doctor import examine
from sweeps.outcome import Completed
from sweeps.study.records import TrialRow
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from tests.conftest import Commands


def study(commands: Commands, name: str = "s", url: str | None = None) -> Study:
    return Study(Database(url or f"sqlite:///{commands.folder}/studies/studies.db", create=False), name)


def trial(commands: Commands, number: int = 0) -> TrialRow:
    return study(commands).trials()[number]


def check_invariants(commands: Commands, num_points: int, found: Study | None = None) -> None:
    """Each point has exactly one result, the right one, in the ledger and in Optuna's tables; nothing is left over."""
    found = found or study(commands)
    trials = found.trials()
    assert found.counts() == {"open": 0, "running": 0, "done": num_points}
    for row in trials:
        assert row.point and isinstance(row.outcome, Completed), row
        assert math.isclose(row.outcome.values[0], float(row.point.overrides["x"]) ** 2)
    check_mirror(found, num_points)
    assert examine(found, StudyFiles(commands.folder / "studies" / found.name), None) == []


def check_mirror(found: Study, num_points: int) -> None:
    """Optuna has as many completed trials as there are points, and none that waits or runs."""
    mirrored = optuna.load_study(study_name=found.name, storage=found.database.storage).trials
    assert sum(trial.state.name == "COMPLETE" for trial in mirrored) == num_points
    assert not any(trial.state.name in ("RUNNING", "WAITING") for trial in mirrored)


def alive_in(commands: Commands) -> list[str]:
    """Processes that still work in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == commands.folder:
                found.append((process / "cmdline").read_text())
    return found
