"""Whose a directory is: what lies on the disk is a study's own only where it says so.

A name may have been another study's before: in another database, or in one that was deleted since. Its checkpoints and
metrics must never become results of this one.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from sweeps.trial.files import StudyFiles, TrialFiles, write_text


def study_files(studies: str | Path, name: str, key: str, recorded: str | None = None) -> StudyFiles:
    """The files of a study on this machine: below its name, or beside it where another study has the name.

    Args:
        studies: The folder of all studies, `study.directory`.
        name: The study's name.
        key: The study's key, unique over all databases.
        recorded: Where the study says that it is; a directory there that names no owner is of an earlier version.
    """
    files = StudyFiles.of(studies, name)
    owner = _read(files.owner).get("study")
    is_free = not files.trials.is_dir() or str(files.directory) == recorded
    if owner == key or (owner is None and is_free):
        return files
    return StudyFiles(files.directory.with_name(f"{name}~{key[:8]}"))


def own_study(files: StudyFiles, name: str, key: str) -> None:
    """Write into the study's directory whose it is."""
    _write(files.owner, {"study": key, "name": name})


def is_own_study(files: StudyFiles, key: str) -> bool:
    """Whether the directory says that it belongs to this study."""
    return _read(files.owner).get("study") == key


def is_own(files: TrialFiles, point: str) -> bool:
    """Whether the directory of a trial is that of this point; one that names no owner is nobody else's."""
    return _read(files.owner).get("point", point) == point


def own_trial(files: TrialFiles, point: str, restarts: int = 0) -> Path | None:
    """Make the trial's directory this point's, and set aside what is not to be continued; returns where that is now.

    Args:
        files: The trial's files.
        point: Key of its point.
        restarts: How often the trial was sent back to its beginning.
    """
    is_of_now = _read(files.owner).get("restarts", "0") == str(restarts)
    moved = None if (is_own(files, point) and is_of_now) or not files.directory.exists() else set_aside(files)
    if not files.owner.exists():
        _write(files.owner, {"point": point, **({"restarts": str(restarts)} if restarts else {})})
    return moved


def set_aside(files: TrialFiles) -> Path:
    """Give the trial's directory another name, under which it is kept."""
    moved = _free_name(files.directory)
    files.scrub_log()  # nobody comes back to it
    files.directory.rename(moved)
    return moved


def _free_name(directory: Path) -> Path:
    number = 1
    while (free := directory.with_name(f"{directory.name}.other-{number}")).exists():
        number += 1
    return free


def _read(path: Path) -> Mapping[str, str]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        if isinstance(found, dict):
            return {str(key): str(value) for key, value in found.items()}
    return {}


def _write(path: Path, owner: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(owner))
