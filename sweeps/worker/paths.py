"""Where the processes of a command look for modules: also in the folders that only the command itself has."""

import json
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_VARIABLE = "SWEEPS_PATH"
_OF_PACKAGES = {"site-packages", "dist-packages"}


def own_folders() -> tuple[str, ...]:
    """The folders of `sys.path` that belong to no installation, such as that of the script, in their order."""
    library = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib")]
    folders = dict.fromkeys(Path(entry).absolute() for entry in sys.path)
    return tuple(
        str(folder)
        for folder in folders
        if folder.is_dir()
        and not _OF_PACKAGES & set(folder.parts)
        and not any(folder.is_relative_to(place) for place in library)
    )


def look_in(folders: Iterable[str]) -> None:
    """Look for modules in these folders before all others; those that are looked in anyway keep their place.

    Args:
        folders: Some of them may be on another machine only.
    """
    known = {str(Path(entry).absolute()) for entry in sys.path}
    sys.path[:0] = [folder for folder in folders if folder not in known and Path(folder).is_dir()]


def hand_on() -> frozenset[str]:
    """Let the processes that this one starts find its folders by `take_over`; the variable that says so."""
    os.environ[_VARIABLE] = json.dumps(own_folders())
    return frozenset((_VARIABLE,))


def take_over() -> None:
    """Look in the folders of the process that has started this one."""
    look_in(json.loads(os.environ.pop(_VARIABLE, "[]")))
