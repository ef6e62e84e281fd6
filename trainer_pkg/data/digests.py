"""The digest of a cache file, computed once for all trials that map it."""

import contextlib
import hashlib
from pathlib import Path

from trainer_pkg.atomic import write_atomically


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    It is kept in a file beside, together with size and time of change: if one of them differs, it is computed anew.
    """
    kept = path.with_name(f"{path.name}.sha256")
    found = path.stat()
    state = f"{found.st_size} {found.st_mtime_ns}"
    try:
        digest, _, known = kept.read_text().strip().partition(" ")
    except (OSError, UnicodeDecodeError):
        digest, known = "", ""
    if known != state or len(digest) != 64:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with contextlib.suppress(OSError):  # a folder of others, which may only be read
            write_atomically(kept, lambda file: file.write(f"{digest} {state}\n".encode()))
    return digest


def digest_of_all(paths: list[Path]) -> str:
    """The digest of a file, or one for several of them, in their order."""
    digests = [digest_of(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
