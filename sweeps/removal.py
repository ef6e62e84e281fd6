"""Deletes a study with all that it has left: runs, directories, rows."""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import StudyError
from sweeps.output import one_line
from sweeps.redact import address
from sweeps.study.study import Study
from sweeps.study.urls import shown
from sweeps.tracking.complaints import told
from sweeps.tracking.removal import delete_runs
from sweeps.trial.files import StudyFiles
from sweeps.trial.ownership import is_own_study


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is to be deleted of a study.

    Attributes:
        study: The study.
        tracking: Tracking URI and experiment of its runs; the URI is empty where it has none.
        keeps_runs: Whether they stay.
    """

    study: Study
    tracking: tuple[str, str]
    keeps_runs: bool = False

    def question(self) -> str:
        """What the user is asked, with everything that will be gone."""
        parts = [f"its {len(self.study.trials())} trials"]
        directory, why_not = _own_directory(self.study)
        parts += [str(directory)] if directory is not None and not why_not else []
        parts += [f"its runs in MLflow ({_shown(self.tracking[0])})"] if self._has_runs else []
        return f"Delete study {self.study.name}: {', '.join(parts)}?"

    def carry_out(self) -> tuple[list[str], bool]:
        """Delete: the runs first and the rows last, so that a command that was killed may be repeated.

        Returns:
            Lines that say what is gone and what stays; whether all is gone that should be.

        Raises:
            StudyError: Somebody works on the study, or its directory cannot be removed; its rows are still there.
        """
        self.study.check_idle()
        runs, is_whole = self._delete_runs()
        directory, why_not = _own_directory(self.study)
        if directory is not None and not why_not:
            _remove(directory)
        num_trials = len(self.study.trials())
        self.study.delete()
        gone = f"{self.study.name}: {num_trials} trials deleted"
        lines = [f"{gone}, and {directory}." if directory is not None and not why_not else f"{gone}."]
        return [*lines, *([why_not] if why_not else []), *([runs] if runs else [])], is_whole

    @property
    def _has_runs(self) -> bool:
        """Whether there may be runs, and they are to go; a study that Optuna alone has made has no key."""
        return bool(self.tracking[0] and self.study.facts.get("key")) and not self.keeps_runs

    def _delete_runs(self) -> tuple[str, bool]:
        if not self._has_runs:
            return ("Its runs in MLflow stay." if self.keeps_runs else ""), True
        return removed_runs(*self.tracking, self.study.name, self.study.facts["key"])


def removed_runs(uri: str, experiment: str, name: str, key: str) -> tuple[str, bool]:
    """Delete the runs of a study, which itself may be gone already.

    Returns:
        A line that says what has become of them, with the command that tries again; whether they are gone.
    """
    try:
        num_runs = delete_runs(uri, experiment, name, key)
    # MLflow's client raises many kinds, of a module that is not to be imported here.
    except Exception as error:
        line = ["sweeps", "delete", "--runs-of", key, "--tracking", _shown(uri), "--experiment", experiment, "--", name]
        return f"Its runs stay, as MLflow {told(error)}. Later: {shlex.join(line)}", False
    freed = "; `mlflow gc` frees their space" if num_runs else ""
    return f"{num_runs} runs deleted in MLflow ({_shown(uri)}){freed}.", True


def _own_directory(study: Study) -> tuple[Path | None, str]:
    """The study's directory on this machine, and why it is to stay; None where there is none.

    The path comes from the database, where others may write: what it leads to says itself whether it is this study's.
    """
    recorded = study.facts.get("directory")
    path = Path(str(recorded)) if recorded else None
    if path is None or not (path.exists() or path.is_symlink()):
        return None, ""
    if path.is_symlink():
        return path, f"{path} stays: it is a link to {one_line(str(path.readlink()))}."
    if not path.is_dir() or not is_own_study(StudyFiles(path), study.facts.get("key", "")):
        return path, f"{path} stays: it does not say that it is this study's."
    return path, ""


def _remove(directory: Path) -> None:
    """Remove a directory; links in it go, what they lead to stays."""
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise StudyError(f"{error.filename or directory}: {error.strerror}. The study is still there.") from error


def _shown(uri: str) -> str:
    return address(uri) if uri.startswith("http") else shown(uri)
