"""The Python code of a folder as one digest."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

_MAX_FILES = 500
_TESTS = re.compile(r"(^|/)tests?/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_LEFT_BY_RUNS = re.compile(
    r"(^|/)(\..*|logs|outputs|multirun|lightning_logs|wandb|mlruns|runs|venv|site-packages|node_modules)/"
)


def of_folder(folder: Path) -> str:
    """Of the Python files in a folder and below it, but for tests; empty where it is a folder of everything."""
    found = sorted(_below(folder))
    if len(found) > _MAX_FILES:
        return ""
    parts = [f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}" for name in found]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _below(folder: Path) -> Iterator[str]:
    """Names of the Python files of an application, but for its tests and what its runs leave."""
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder).as_posix()
        inside = "" if inside == "." else f"{inside}/"
        folders[:] = [name for name in folders if not _LEFT_BY_RUNS.search(f"{inside}{name}/")]
        yield from (
            f"{inside}{name}" for name in files if name.endswith(".py") and not _TESTS.search(f"{inside}{name}")
        )
