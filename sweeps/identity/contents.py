"""The Python code of a project as one digest: that of equal code is equal, whatever the commit says."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from sweeps.identity.repository import git

_MAX_FILES = 500
_TESTS = re.compile(r"(^|/)tests?/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_LEFT_BY_RUNS = re.compile(
    r"(^|/)(\..*|logs|outputs|multirun|lightning_logs|wandb|mlruns|runs|venv|site-packages|node_modules)/"
)
_SIZES = {40: "sha1", 64: "sha256"}


def of_folder(folder: Path) -> str:
    """Of the Python files in a folder and below it, but for tests; empty where it is a folder of everything."""
    found = sorted(_below(folder))
    if len(found) > _MAX_FILES:
        return ""
    return _digest([f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}" for name in found])


def of_repository(root: Path, file: Path | None) -> str:
    """Of the Python files of a repository but for tests, as they are in the folder, committed or not.

    Args:
        root: The repository's folder.
        file: The task's file; what git does not know counts in its folder and below alone.

    Returns:
        Empty where git does not say it, or has none.
    """
    listed = git(root, "ls-files", "-s", "-z", "--", "*.py")
    edited = git(root, "diff", "HEAD", "--name-only", "--relative", "-z", "--", "*.py")
    if listed is None or edited is None:
        return ""
    blobs = dict(_blobs(listed))
    kind = _SIZES.get(len(next(iter(blobs.values()), "")), "sha1")
    for name in (*filter(None, edited.split("\0")), *_unknown_to_git(root, file.parent if file else root)):
        try:
            blobs[name] = _blob((root / name).read_bytes(), kind)
        except OSError:  # deleted
            blobs.pop(name, None)
    parts = [f"{name} {blob}" for name, blob in sorted(blobs.items()) if not _TESTS.search(name)]
    return _digest(parts) if parts else ""


def _below(folder: Path) -> Iterator[str]:
    """Names of the Python files of an application, but for its tests and what its runs leave."""
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder).as_posix()
        inside = "" if inside == "." else f"{inside}/"
        folders[:] = [name for name in folders if not _LEFT_BY_RUNS.search(f"{inside}{name}/")]
        yield from (
            f"{inside}{name}" for name in files if name.endswith(".py") and not _TESTS.search(f"{inside}{name}")
        )


def _unknown_to_git(root: Path, folder: Path) -> list[str]:
    """Names of the Python files that git neither knows nor ignores."""
    beside = folder.relative_to(root) / "*.py"
    listed = git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", str(beside)) or ""
    found = [name for name in listed.split("\0") if name and not _LEFT_BY_RUNS.search(name)]
    return found if len(found) <= _MAX_FILES else []


def _blobs(listed: str) -> Iterator[tuple[str, str]]:
    """Name to hash of each file that git knows."""
    for line in filter(None, listed.split("\0")):
        about, _, name = line.partition("\t")
        yield name, about.split()[1]


def _blob(content: bytes, kind: str) -> str:
    """The hash that git gives a content once it is committed."""
    return hashlib.new(kind, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
