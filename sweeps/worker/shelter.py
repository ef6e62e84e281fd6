"""A folder of the command for its sockets and its application, and a guardian for all that comes from it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from multiprocessing import process, resource_tracker
from pathlib import Path

from sweeps.errors import StudyError
from sweeps.redact import known_values
from sweeps.trial.files import TrialFiles
from sweeps.worker import guardian, kinship

_MAX_SOCKET_PATH = 100
"""Bytes of a socket's path that every system takes (107 on Linux)."""

_SOCKET = "/sweeps-12345678/listener-12345678"


class Shelter:
    """What outlives no command: a short folder, and a mark on every process that comes from here."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._folder = tempfile.TemporaryDirectory(prefix="sweeps-", dir=_short_place())
        self.folder = Path(self._folder.name)
        # Where multiprocessing puts its sockets, here and in every process that comes from here.
        process.current_process()._config["tempdir"] = self._folder.name  # type: ignore[attr-defined]
        resource_tracker.ensure_running()  # before the mark: it ends by itself, after all that use it
        self._guardian = _guardian(self.mark, self._folder.name)
        self._watched = set[Path]()
        os.environ[guardian.MARK] = self.mark
        os.environ[kinship.PARENT] = str(os.getpid())

    def clear(self) -> None:
        """End every process that is left of it."""
        guardian.end_marked(self.mark)

    def watch(self, files: TrialFiles) -> None:
        """Have the trial's log cleaned of secrets should this command not live to do it."""
        self._watched.add(files.log)
        self._tell(files, known_values())

    def clean(self, files: TrialFiles) -> None:
        """Clean the log of a trial whose processes have ended; once is enough."""
        if files.log in self._watched:
            self._watched.remove(files.log)
            files.scrub_log()
            self._tell(files, None)

    def _tell(self, files: TrialFiles, values: str | None) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            with contextlib.suppress(OSError):  # somebody has killed it
                self._guardian.stdin.write(json.dumps({str(files.log): values}).encode() + b"\n")
                self._guardian.stdin.flush()

    def close(self) -> None:
        """End every process, the guardian too, and remove the folder."""
        for name in (guardian.MARK, kinship.PARENT):
            os.environ.pop(name, None)
        process.current_process()._config.pop("tempdir", None)  # type: ignore[attr-defined]
        if self._guardian is None:
            self._folder.cleanup()
            return
        self._guardian.communicate()
        self._folder.cleanup()


def _guardian(mark: str, folder: str) -> "subprocess.Popen[bytes] | None":
    if sys.platform != "linux":
        return None  # it finds processes by Linux's /proc
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guardian.__file__, mark, folder],
        stdin=subprocess.PIPE,  # nobody else has the other end
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        start_new_session=True,  # no terminal signals it
    )


def _short_place() -> str:
    """A folder for temporary files whose path leaves room for a socket's name.

    Raises:
        StudyError: There is none.
    """
    try:
        usual = tempfile.gettempdir()
    except OSError as error:
        raise StudyError(f"TMPDIR: {error.strerror or error}") from error
    places = (usual, os.environ.get("XDG_RUNTIME_DIR") or usual, "/tmp", "/var/tmp", "/dev/shm")
    for place in places:
        if len(os.fsencode(place + _SOCKET)) <= _MAX_SOCKET_PATH and os.access(place, os.W_OK | os.X_OK):
            return place
    limit = _MAX_SOCKET_PATH - len(_SOCKET)
    raise StudyError(
        f"TMPDIR={usual} is too long for a socket, and /tmp cannot be written. Use at most {limit} characters."
    )
