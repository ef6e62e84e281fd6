"""Who works on this machine: each worker says so, so that none takes another one's GPU, and all agree on their cores.

A worker that works holds a file locked. The kernel lets go of the lock when the process ends, whatever ends it.
"""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

FOLDER = "SWEEPS_MACHINE_DIR"
"""Variable with the folder of these files; without it they are with the machine's temporary ones."""


@dataclass(slots=True, kw_only=True)
class Tenancy:
    """The part of a machine that is this process's, until `end` or the end of the process.

    Attributes:
        devices: GPUs that no other worker has.
        holders: Process ids of the workers that have the others.
        num_workers: Workers on this machine, this one included.
        lock: Descriptor of the locked file; None: nothing is held.
    """

    devices: tuple[str, ...] = ()
    holders: tuple[int, ...] = ()
    num_workers: int = 1
    lock: int | None = None

    def end(self) -> None:
        """Give it back."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


def take(scope: str, devices: Sequence[str], num_devices: int, folder: Path | None = None) -> Tenancy:
    """Take free devices, and say that a worker is here.

    A worker that finds no free device holds nothing, and does not count: it waits.

    Args:
        scope: Part of the machine whose workers compete.
        devices: GPUs of that part, by name.
        num_devices: How many are wanted at most.
        folder: Where workers say that they are here; None: the folder of this user.
    """
    try:
        with _locked(folder or _folder()) as place:
            others = list(_others(place, scope))
            taken = {name: int(other["pid"]) for other in others for name in other["devices"]}
            free = tuple(name for name in devices if name not in taken)[:num_devices]
            holders = tuple(sorted({taken[name] for name in devices if name in taken}))
            tenancy = Tenancy(devices=free, holders=holders, num_workers=len(others) + 1)
            if free or not devices:
                tenancy.lock = _said(place, scope, free)
            return tenancy
    except OSError:  # no folder for it: as if nobody else were here
        return Tenancy(devices=tuple(devices)[:num_devices])


def _folder() -> Path:
    given = os.environ.get(FOLDER)
    return Path(given) if given else Path(tempfile.gettempdir()) / f"sweeps-machine-{os.getuid()}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's")
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder


def _others(folder: Path, scope: str) -> Iterator[dict[str, Any]]:
    """What the workers say that still live; the files of others are removed."""
    for path in folder.glob("*.worker"):
        with path.open("r+") as file:
            if _is_free(file):
                path.unlink()
                continue
            with contextlib.suppress(ValueError):
                said = json.load(file)
                if said["scope"] == scope:
                    yield said


def _is_free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _said(folder: Path, scope: str, devices: Sequence[str]) -> int:
    """A file that is locked for as long as it is open; a program that this process starts does not inherit it."""
    descriptor, _ = tempfile.mkstemp(suffix=".worker", prefix=f"{os.getpid()}-", dir=folder)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, json.dumps({"scope": scope, "pid": os.getpid(), "devices": list(devices)}).encode())
    return descriptor
