"""What a trial leaves behind, in one small archive: the journal, the configuration, and the files that it keeps.

Whoever has the archive can tell all of the trial, on any machine.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sweeps.redact import text
from sweeps.trial.artifacts import asked_for, content_of, files_of
from sweeps.trial.files import TrialFiles

_MAX_JOURNAL = 2**25
_MAX_ARTIFACTS = 2**20
"""Bytes. What is larger stays on its machine: the archive goes into a database."""


class Bundle(NamedTuple):
    """An archive, and what tells its files from others, however they are packed."""

    archive: bytes
    digest: str


def pack(files: TrialFiles) -> Bundle | None:
    """What a trial leaves; None where there is no journal, or one that is too large.

    Raises:
        OSError: A file cannot be read.
    """
    if not _is_fit(files):
        return None
    archive, found = io.BytesIO(), hashlib.sha256()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in _contents(files):
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
            _add(found, name, content)
    return Bundle(archive.getvalue(), found.hexdigest())


def digest(files: TrialFiles) -> str | None:
    """The digest that `pack` gives; None where it gives nothing.

    Raises:
        OSError: A file cannot be read.
    """
    if not _is_fit(files):
        return None
    found = hashlib.sha256()
    for name, content in _contents(files):
        _add(found, name, content)
    return found.hexdigest()


def unpack(archive: bytes, directory: Path) -> None:
    """Put the files of an archive into a directory, and none outside it."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(directory)  # which takes roots and `..` out of the names


def _is_fit(files: TrialFiles) -> bool:
    return files.journal.is_file() and files.journal.stat().st_size <= _MAX_JOURNAL


def _add(found: "hashlib._Hash", name: str, content: bytes) -> None:
    found.update(f"{name}\0{len(content)}\0".encode() + content)


def _contents(files: TrialFiles) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; of what the task keeps, a file or a folder is there whole, or not at all."""
    yield files.journal.name, files.journal.read_bytes()
    if files.config.is_file():
        yield files.config.name, text(files.config.read_bytes().decode(errors="replace")).encode()
    room = _MAX_ARTIFACTS
    for path in asked_for(files):
        found = list(files_of(files, path))
        size = sum(own.stat().st_size for _, own in found)
        is_named = all(file.as_posix().isprintable() for file, _ in found)  # names may be any bytes
        if size <= room and is_named:
            room -= size
            yield from ((file.as_posix(), _bytes_of(own)) for file, own in found)


def _bytes_of(path: Path) -> bytes:
    content = content_of(path)
    return text(content).encode() if isinstance(content, str) else content.read_bytes()
