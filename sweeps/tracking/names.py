"""Names that a tracking server takes: one of its own for every name that a trial may give to a metric."""

import hashlib
import math
import posixpath
import re
import sys

LONGEST = 8000
"""Characters of a tag's value that MLflow keeps."""

LONGEST_PARAM = 6000
"""Characters of a param's value that MLflow keeps."""

ORIGINAL = "original/"
"""Front of the tags that say what a name was that had to be changed."""

_LONGEST_NAME = 250
_OTHERS = re.compile(r"[^A-Za-z0-9_\-. :/]")
_DIGEST = re.compile(r"-[0-9a-f]{10}$")


def fitting(name: str) -> str:
    """The name itself where MLflow takes it, else one that no other name gets: what fits of it, and its digest.

    MLflow takes ASCII letters, digits and `_-. :/`, at most 250 of them, and no name that would be another one if it
    were a path: `/x`, `x//y`, `x/../y`.
    """
    if _is_fitting(name) and not _DIGEST.search(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    parts = [part if part.strip(".") else "_" * max(1, len(part)) for part in _OTHERS.sub("_", name).split("/")]
    parts[0] = re.sub(r"^\.\.+", "_", parts[0])
    room = _LONGEST_NAME - len(ORIGINAL) - len(digest) - 1
    return f"{'/'.join(parts)[:room]}-{digest}"


def storable(value: float) -> float:
    """The value as MLflow keeps it: infinities are its largest numbers."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text that fits into a tag; where it is cut, it says how long it was."""
    mark = f"… ({len(text)} characters)"
    return text if len(text) <= longest else f"{text[: longest - len(mark)]}{mark}"


def _is_fitting(name: str) -> bool:
    if not name or len(name) > _LONGEST_NAME or _OTHERS.search(name):
        return False
    return posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name != "."
