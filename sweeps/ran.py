"""What has run a trial, and what it has read."""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

INSTALLED = "site-packages/"
"""Beginning of the name of a file that is installed among libraries, wherever these are."""

_CHARS = 12
Files = Mapping[str, str]
"""Name of each file of an application that a trial has imported, as seen from the project's folder, to its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """As far as anybody knows.

    Attributes:
        code: Digest of the files of its code; several, in their order, where they were others when the trial was
            continued. The study keeps the files by it.
        circumstances: Digest of the versions of libraries and of the device of its last attempt.
        data: Name of each data set to the beginning of its digest.
    """

    code: tuple[str, ...] = ()
    circumstances: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """What `asdict` has made, maybe of a later version."""
        known = {key: value for key, value in told.items() if key in cls.__dataclass_fields__}
        return cls(**{**known, "code": tuple(known.get("code", ()))})


def agree(one: Files, other: Files) -> bool:
    """Whether the files that both have are the same in both."""
    return all(other.get(name, digest) == digest for name, digest in one.items())


def files_now(root: str, names: Iterable[str]) -> Files:
    """Files as they are now; of what lies outside of the project and is not there, nobody knows.

    Args:
        root: The project's folder on this machine.
        names: Of files, as trials have noted them.
    """
    found = {name: digest_of(place_of(root, name)) for name in names}
    return {name: digest for name, digest in found.items() if digest or not name.startswith("..")}


def place_of(root: str, name: str) -> Path:
    """Where a file lies on this machine."""
    inside = name.removeprefix(INSTALLED)
    places = (Path(folder, inside) for folder in sys.path) if inside != name else ()
    return next((place for place in places if place.is_file()), Path(root, name))


def digest_of(path: Path) -> str:
    """Of a file's content; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:_CHARS]
    except (OSError, ValueError):
        return ""
