"""Files that a task has asked to be kept with its trial."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sweeps.trial import journal
from sweeps.trial.files import TrialFiles

_LONGEST_TEXT = 2_000_000
"""Bytes up to which a file may be taken for a text."""


def keep_artifact(files: TrialFiles, path: Path) -> str:
    """Have a file or a folder in the trial's directory: what lies elsewhere is copied.

    Args:
        files: The trial's files.
        path: The file or the folder.

    Returns:
        Its path below the trial's directory.

    Raises:
        FileNotFoundError: There is no such file.
    """
    found = path.resolve(strict=True)
    if not found.is_relative_to(files.directory.resolve()):
        copy = files.artifacts / found.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, copy, dirs_exist_ok=True)
        else:
            shutil.copy2(found, copy)
        found = copy.resolve()
    return str(found.relative_to(files.directory.resolve()))


def artifacts(files: TrialFiles) -> Iterator[tuple[str, Path]]:
    """Name and place of each file that a trial keeps; none that lies outside its directory."""
    for path in asked_for(files):
        for file, own in files_of(files, path):
            yield _name(files, file), own


def absent(files: TrialFiles) -> list[str]:
    """Names of what the trial keeps, files and folders, that its directory does not have."""
    root = files.directory.resolve()
    return [_name(files, Path(path)) for path in asked_for(files) if not (root / path).exists()]


def asked_for(files: TrialFiles) -> list[str]:
    """What the task has asked to keep: paths below the trial's directory; a path of the journal may be anything."""
    paths = dict.fromkeys(str(event.get("path", "")) for event in journal.events(files.journal, "artifact"))
    return [path for path in paths if path and _is_below(files.directory, path)]


def files_of(files: TrialFiles, path: str) -> Iterator[tuple[Path, Path]]:
    """The files at such a path that can be read: below the trial's directory, and where they are."""
    root = files.directory.resolve()
    for file in _files(root / path):
        own = file.resolve()
        if own.is_relative_to(root):
            yield file.relative_to(root), own


def _name(files: TrialFiles, path: Path) -> str:
    """What a server calls it: the folder of copies is ours alone."""
    is_copy = len(path.parts) > 1 and path.parts[0] == files.artifacts.name
    return str(path.relative_to(files.artifacts.name) if is_copy else path)


def _is_below(directory: Path, path: str) -> bool:
    try:
        return (directory / path).resolve().is_relative_to(directory.resolve())
    except (OSError, ValueError):
        return False


def _files(path: Path) -> list[Path]:
    """The file, or all below the folder, that can be read."""
    try:
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        return [file for file in found if file.is_file() and os.access(file, os.R_OK)]
    except (OSError, ValueError):
        return []


def content_of(path: Path) -> str | Path:
    """A file that is to leave the machine: a text as such, from which secrets are then taken, else its path."""
    if path.stat().st_size > _LONGEST_TEXT:
        return path
    try:
        return path.read_bytes().decode("utf-8")  # every byte of it, line ends too
    except UnicodeDecodeError:
        return path
