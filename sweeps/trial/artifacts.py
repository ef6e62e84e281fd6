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
    root = files.directory.resolve()
    for path in dict.fromkeys(str(event.get("path")) for event in journal.events(files.journal, "artifact")):
        for file in _files(root / path):
            own = file.resolve()
            if own.is_relative_to(root):
                name = file.relative_to(root)
                is_copy = name.parts[0] == files.artifacts.name
                yield str(name.relative_to(files.artifacts.name) if is_copy else name), own


def _files(path: Path) -> list[Path]:
    """The file, or all below the folder, that can be read; a path of the journal may be anything."""
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
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return path
