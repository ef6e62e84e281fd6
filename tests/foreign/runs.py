"""Applications of others, under Hydra's own sweeper and under ours."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sweeps.study.records import TrialRow
from sweeps.study.storage import Database
from sweeps.study.study import Study

APPS = Path(__file__).parent / "apps"
REPOSITORY = APPS.parents[2]
TRACKED = "tracking.uri=sqlite:///mlflow.db"


class Application:
    """Starts an application in a folder.

    Args:
        folder: Its working directory.
        program: Arguments of Python: a script's path, or `-m` or `-c` and what follows.
    """

    def __init__(self, folder: Path, *program: str, stdin: str | None = None, **environment: str) -> None:
        self.folder, self.program, self._stdin = folder, program, stdin
        unset = ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI", "HYDRA_FULL_ERROR")
        kept = {key: value for key, value in os.environ.items() if key not in unset}
        self.environment = {**kept, "PYTHONPATH": str(REPOSITORY), **environment}

    @classmethod
    def named(cls, folder: Path, name: str, **environment: str) -> "Application":
        """One of the scripts beside this file."""
        return cls(folder, str(APPS / f"{name}.py"), **environment)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *self.program, *arguments],
            cwd=self.folder,
            env=self.environment,
            input=self._stdin,
            text=True,
            capture_output=True,
            timeout=240,
        )

    def basic(self, *sweep: str, code: int = 0) -> list[str]:
        """What the trials noted under Hydra's own sweeper, sorted."""
        done = self.run("-m", *sweep)
        assert done.returncode == code, done.stderr
        return self._taken()

    def study(self, *sweep: str, code: int = 0, tracking: str = "tracking.uri=null", place: str = "+") -> list[str]:
        """What the trials noted as the study `s`, sorted; `place` stands before the keys that make it that study."""
        done = self.run("-m", *sweep, "hydra/sweeper=sweeps", f"{place}study.name=s", f"{place}{tracking}")
        assert done.returncode == code, done.stdout + done.stderr
        self.out, self.err = done.stdout, done.stderr
        return self._taken()

    def trials(self) -> Sequence[TrialRow]:
        """The trials of the study `s`."""
        return Study(Database(f"sqlite:///{self.folder}/logs/studies/studies.db"), "s").trials()

    def values(self) -> dict[str, tuple[float, ...]]:
        """The swept `x` of each completed trial to its values."""
        found = {}
        for trial in self.trials():
            assert trial.point is not None and trial.state == "completed", trial.outcome
            overrides = {key.lstrip("+"): value for key, value in trial.point.overrides.items()}
            found[overrides["x"]] = trial.outcome.values  # type: ignore[union-attr]
        return found

    def _taken(self) -> list[str]:
        results = self.folder / "results.txt"
        lines = results.read_text().splitlines() if results.is_file() else []
        results.unlink(missing_ok=True)
        return sorted(lines)
