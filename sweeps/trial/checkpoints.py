"""The checkpoints that earlier attempts of a trial have left in its directory."""

import zipfile
from pathlib import Path

SUFFIXES = (".ckpt", ".pt", ".pth")
_ZIP = b"PK\x03\x04"


def newest(directory: Path, before_s: float) -> Path | None:
    """The newest whole checkpoint, wherever below the directory; None where there is none.

    Args:
        directory: The trial's directory.
        before_s: When this attempt began, in seconds since the epoch: what it writes itself does not count.
    """
    found = [path for path in directory.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    dated = sorted(((path.stat().st_mtime, path) for path in found), reverse=True)
    return next((path for time_s, path in dated if time_s < before_s and _is_whole(path)), None)


def _is_whole(path: Path) -> bool:
    """Whether a file does not end in the middle: PyTorch's archives have their table of contents at the end."""
    with path.open("rb") as file:
        start = file.read(len(_ZIP))
    return zipfile.is_zipfile(path) if start == _ZIP else bool(start)
