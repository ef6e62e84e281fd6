"""Whether there is a disk to write to, and which errors say that there is none."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

_LACKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)

_ROOM = bytes(256 * 1024)
"""What a trial writes at the least: configuration, log and journal."""


def lack_of(directory: Path) -> str | None:
    """Why nothing can be written to a directory; None where it can. One that does not exist yet is looked at above."""
    try:
        place = next(path for path in (directory, *directory.parents) if path.exists())
        probe = place / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(_ROOM)
        finally:
            with contextlib.suppress(OSError):  # it could not be made either
                probe.unlink()
    except OSError as error:
        return f"{directory} cannot be written: {error.strerror}"
    return None


def lack_in(error: BaseException) -> OSError | None:
    """The error of a full, read-only or forbidden disk that has led to this one; None where another has."""
    return next((found for found in _chain(error) if isinstance(found, OSError) and found.errno in _LACKS), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
