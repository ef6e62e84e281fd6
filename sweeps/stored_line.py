"""Whether a command line that a study keeps may be run: who can write to the database must not run code here."""

import re
import shlex
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from sweeps.errors import StudyError

_IS_OF_HYDRA = re.compile(r"^\s*(from|import)\s+hydra", re.MULTILINE)
_BUILDS = "_target_"


def check_stored(study: str, line: Sequence[str], search: Sequence[str]) -> None:
    """Refuse a line that could be more than a Hydra application with its overrides.

    A module such as `cProfile` runs whatever stands behind it, and an override with a `_target_` names what is built:
    an application without a list of trusted constructors builds anything.

    Args:
        study: The study's name.
        line: Python, a script or `-m` and a module, options and overrides.
        search: Folders in which modules are looked for.

    Raises:
        StudyError: With what was found, and how to run it all the same.
    """
    told = f"Study {study!r} has this line from its database: {shlex.join(line[1:])}"
    again = "If you know it, add --trust."
    if not _is_of_hydra(line, search):
        program = line[2] if line[1] == "-m" else line[1]
        raise StudyError(f"{told}. {program} does not import Hydra, and may run anything. {again}")
    for text in line:
        if _BUILDS in text:
            raise StudyError(f"{told}. {text} names what is to be built. {again}")


def _is_of_hydra(line: Sequence[str], search: Sequence[str]) -> bool:
    path = _source_of(line[2], search) if line[1] == "-m" else Path(line[1])
    try:
        return path is not None and bool(_IS_OF_HYDRA.search(path.read_text(errors="replace")))
    except OSError:
        return False


def _source_of(module: str, search: Sequence[str]) -> Path | None:
    """The file of a module; nothing is imported, not even its package."""
    *packages, name = module.split(".")
    places: list[str] | None = list(search)
    for package in packages:
        found = PathFinder.find_spec(package, places)
        places = list(found.submodule_search_locations or ()) if found else []
    found = PathFinder.find_spec(name, places)
    return Path(found.origin) if found and found.origin else None
