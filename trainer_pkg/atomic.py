"""Writes files so that a crash leaves the old content or the new one, never a part."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomically(
    path: Path, write: Callable[[BinaryIO], object], before_rename: Callable[[], object] = lambda: None
) -> None:
    """Write to a temporary name in the same folder, flush it to the disk, rename, flush the folder.

    Args:
        path: Final name; its folder is created where absent.
        write: Writes the content to the open file.
        before_rename: Called when the new content is safe on the disk and `path` still has the old content.

    Raises:
        OSError: The disk is full or not writable; the file at `path` is then as it was.

    Example:
        >>> write_atomically(Path("notes.txt"), lambda file: file.write(b"whole"))
        >>> Path("notes.txt").read_text()
        'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        before_rename()
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_parts(folder: Path) -> None:
    """Remove what writers that were killed have left; nobody else may be writing there.

    Args:
        folder: The folder of files that `write_atomically` writes.
    """
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


class HashingWriter:
    """Passes bytes on to a file and hashes them."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def around(self, file: BinaryIO) -> "HashingWriter":
        self._file = file
        return self

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> str:
        return self._hash.hexdigest()
