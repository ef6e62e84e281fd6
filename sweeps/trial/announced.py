"""What a trial tells the processes that it starts: which trial they are part of."""

import json
import os
import sys
from pathlib import Path
from typing import Any

_VARIABLE = "SWEEPS_TRIAL"


def announce(overrides: tuple[str, ...], directory: Path, number: int, attempt: int) -> None:
    """Tell the processes that this one starts which trial they are part of."""
    told = {"overrides": overrides, "directory": str(directory), "number": number, "attempt": attempt}
    os.environ[_VARIABLE] = json.dumps({**told, "command": sys.argv})


def announced() -> dict[str, Any]:
    """What this process was told, by the names of the arguments and `command`; empty if it is of no trial."""
    told: dict[str, Any] = json.loads(os.environ.get(_VARIABLE, "{}"))
    return told


def is_continued() -> bool:
    """Whether this process is of a trial, or part of one, that an earlier attempt has begun."""
    return bool(announced().get("attempt", 1) > 1)
