"""The checkpoints of a trial at a URL (`study.checkpoints`), so that it goes on from them on any machine.

At the URL lie the files, each under a name of its own, and `latest.json`, which says which of them belong together. It
is written last: whoever reads it finds whole files, whatever the writer was killed in.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sweeps.errors import StudyError, first_line
from sweeps.trial.checkpoints import SUFFIXES
from sweeps.trial.files import TrialFiles

_LATEST = "latest.json"
_LOOK_S = 1.0


def check_place(url: str | None) -> None:
    """Refuse a URL of a kind that cannot be reached from here; nothing is opened.

    Raises:
        StudyError: With what to install, or what is valid.
    """
    if url is None:
        return
    try:
        import fsspec
    except ImportError:
        raise StudyError(f"study.checkpoints={url} needs fsspec: pip install 'hydra-sweeps[checkpoints]'") from None
    protocol, separator, _ = url.partition("://")
    if not separator:
        raise StudyError(f"study.checkpoints={url} must be a URL, such as file:///shared/folder or s3://BUCKET/FOLDER.")
    try:
        fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise StudyError(f"study.checkpoints={url}: {first_line(error)}") from error


class Mirror:
    """The files of one trial at a URL.

    Args:
        url: Where they lie, of this trial alone.
        files: The trial's files on this machine.
        attempt: Which attempt this is; an earlier one that still runs somewhere overwrites nothing of it.
    """

    def __init__(self, url: str, files: TrialFiles, attempt: int) -> None:
        import fsspec

        self._system, self._root = fsspec.core.url_to_fs(url)
        self._files, self._attempt = files, attempt
        self._sent: dict[str, tuple[int, int]] = {}
        self._names: dict[str, str] = {}

    def pull(self, before_s: float) -> bool:
        """Bring what an earlier attempt has left there, unless this machine has all of it.

        Args:
            before_s: When this attempt began, in seconds since the epoch: the files get earlier times.

        Returns:
            Whether there was something newer.
        """
        told = self._latest()["files"]
        journal = self._files.journal.name
        if max((entry["mtime_s"] for entry in told if entry["path"] != journal), default=0.0) <= self._newest_s():
            return False
        for entry in told:
            path = self._files.directory / entry["path"]
            if path == self._files.journal and path.exists() and path.stat().st_size >= entry["size"]:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            self._system.get_file(f"{self._root}/{entry['name']}", str(part))
            os.utime(part, (min(entry["mtime_s"], before_s - 1.0),) * 2)  # clocks differ
            part.replace(path)
        return bool(told)

    def push(self) -> None:
        """Send the checkpoints that are new, and the journal up to them."""
        found = {path: _state(path) for path in self._checkpoints()}
        if not found or {str(path): state for path, state in found.items()} == self._sent:
            return
        for path, state in found.items():
            if self._sent.get(str(path)) != state:
                self._send(path)
        if self._files.journal.exists():
            self._send(self._files.journal)
        if {path: _state(path) for path in self._checkpoints()} != found:
            return  # one was written meanwhile; the next look sends all of them
        if self._latest()["attempt"] > self._attempt:
            return
        self._publish([path for path in (*found, self._files.journal) if str(path) in self._names])
        self._sent = {str(path): state for path, state in found.items()}

    def _checkpoints(self) -> list[Path]:
        """The checkpoints, and what lies beside each under its name, such as its digest."""
        paths = [path for path in self._files.directory.rglob("*") if path.suffix in SUFFIXES and not _is_part(path)]
        return sorted({beside for path in paths for beside in path.parent.glob(f"{path.name}*") if beside.is_file()})

    def _newest_s(self) -> float:
        return max((path.stat().st_mtime for path in self._checkpoints()), default=0.0)

    def _send(self, path: Path) -> None:
        name = f"{time.time_ns()}-{path.name}"
        self._system.makedirs(self._root, exist_ok=True)
        self._system.put_file(str(path), f"{self._root}/{name}")
        self._names[str(path)] = name

    def _publish(self, paths: list[Path]) -> None:
        entries = [
            {
                "path": str(path.relative_to(self._files.directory)),
                "name": self._names[str(path)],
                "mtime_s": path.stat().st_mtime,
                "size": self._system.size(f"{self._root}/{self._names[str(path)]}"),
            }
            for path in paths
        ]
        with self._system.transaction, self._system.open(f"{self._root}/{_LATEST}", "wb") as file:
            file.write(json.dumps({"attempt": self._attempt, "files": entries}).encode())
        kept = {_LATEST, *(str(entry["name"]) for entry in entries)}
        for path in self._system.ls(self._root, detail=False):
            if path.rpartition("/")[2] not in kept:
                self._system.rm_file(path)

    def _latest(self) -> dict[str, Any]:
        try:
            self._system.invalidate_cache()
            found: dict[str, Any] = json.loads(self._system.cat_file(f"{self._root}/{_LATEST}"))
        except FileNotFoundError:
            return {"attempt": 0, "files": []}
        return found


@contextmanager
def mirrored(url: str, files: TrialFiles, attempt: int, tell: Callable[[str], None]) -> Iterator[None]:
    """Bring what is at the URL before the task runs, and send what it writes while it does, and at its end.

    A place that does not answer stops no training: it is told once, in the trial's log and to its worker.

    Args:
        url: Where this trial's files lie; empty: nowhere.
        files: The trial's files on this machine.
        attempt: Which attempt of the trial this is.
        tell: Learns what went wrong.
    """
    if not url:
        yield
        return
    is_over, is_told = threading.Event(), False

    def attempted(step: Callable[[], object]) -> None:
        nonlocal is_told
        try:
            step()
        except Exception as error:  # of any file system
            if not is_told:
                what = f"cannot reach its checkpoints (study.checkpoints): {type(error).__name__}: {first_line(error)}"
                sys.stderr.write(f"Warning: {what}\n")
                tell(what)
            is_told = True

    def send() -> None:
        while not is_over.wait(_LOOK_S):
            attempted(mirror.push)

    mirror = Mirror(url, files, attempt)
    attempted(lambda: mirror.pull(time.time()))
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        attempted(mirror.push)


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _is_part(path: Path) -> bool:
    """Whether a file is one that is being written under a name for that."""
    return path.name.startswith(".")
