"""The application's own files that this process has imported, each with a digest of what it said."""

import contextlib
import csv
import functools
import os
import sys
import sysconfig
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from sweeps.ran import INSTALLED, digest_of

_MAX_FILES = 1000
_OURS = (str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "hydra_plugins" / "hydra_sweeps"))
_INSTALLED = ("site-packages", "dist-packages")

_exec_module = SourceFileLoader.exec_module
_looked_at: set[str] = set()
_digests: dict[str, str] = {}


def watch() -> None:
    """Note the files of this process, and those that it imports from now on, as they are when they are imported.

    The fork server does so for all of its trials: a file may be edited while they run.
    """
    _note_imports()
    SourceFileLoader.exec_module = _noting  # type: ignore[method-assign,assignment]


def _noting(loader: SourceFileLoader, module: ModuleType) -> None:
    _note(loader.path)
    _exec_module(loader, module)


def _note_imports() -> None:
    """Look at what has been imported since the last call."""
    for name in sys.modules.keys() - _looked_at:
        _looked_at.add(name)
        _note(getattr(sys.modules.get(name), "__file__", None))


def _note(file: object) -> None:
    with contextlib.suppress(OSError, ValueError):
        if isinstance(file, str) and file.endswith(".py"):
            path = os.path.abspath(file)  # noqa: PTH100 - a link keeps its name
            if path not in _digests and _is_own(path) and (digest := digest_of(Path(path))):
                _digests[path] = digest


def own_files(root: str) -> dict[str, str]:
    """Name of each file, as seen from the project's folder, to its digest; the first thousand in order of the names.

    Args:
        root: The project's folder.
    """
    _note_imports()
    return dict(sorted((_named(path, root), digest) for path, digest in _digests.items())[:_MAX_FILES])


def _named(path: str, root: str) -> str:
    if library := _library_of(path):
        return f"{INSTALLED}{path[len(library) + 1 :]}"
    return path[len(root) + 1 :] if _is_below(path, root) else os.path.relpath(path, root)


def _is_own(path: str) -> bool:
    """Whether it is neither of Python's library, nor of an installed one that came from an index, nor of ours."""
    library = _library_of(path)
    if library is None:
        return True
    return path[len(library) + 1 :].partition(os.sep)[0] in _libraries(tuple(sys.path))[library]


def _library_of(path: str) -> str | None:
    return _library_around(os.path.dirname(path), tuple(sys.path))  # noqa: PTH120


@functools.cache
def _library_around(folder: str, paths: tuple[str, ...]) -> str | None:
    """The folder of libraries, or of sources among them, that a folder is in."""
    around = (place for place in _libraries(paths) if _is_below(f"{folder}{os.sep}", place))
    return max(around, key=len, default=None)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}{os.sep}")


@functools.cache
def _libraries(paths: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    """Folders of libraries, and of sources among them, to the names in them that were installed from a folder."""
    standard = (sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib"))
    found = dict.fromkeys((*standard, *_OURS), frozenset[str]())
    for place in {os.path.abspath(path or ".") for path in paths}:  # noqa: PTH100
        folder = Path(place)
        about = sorted(folder.glob("*.dist-info")) if folder.is_dir() else []
        if about or folder.name in _INSTALLED:
            found[place] = frozenset(name for each in about for name in _of_a_folder(each))
    return found


def _of_a_folder(about: Path) -> set[str]:
    """What a distribution has put among the libraries if it was built from a folder of its user, as PEP 610 tells."""
    with contextlib.suppress(OSError, csv.Error, UnicodeDecodeError):
        if "dir_info" in (about / "direct_url.json").read_text():
            with (about / "RECORD").open(newline="") as file:
                return {line[0].split("/")[0] for line in csv.reader(file) if line}
    return set()
