"""Commands that a person can type as they are printed: quoted for the shell, with every place that is not the default.

Passwords are left out of them; whoever has one knows it.
"""

import contextlib
import functools
import importlib.metadata
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from sweeps.errors import StudyError
from sweeps.redact import address
from sweeps.settings import DEFAULT_DIRECTORY, default_storage, tracking_uri
from sweeps.space import Point
from sweeps.study.study import Study
from sweeps.study.urls import absolute, check_url, shown

_OF_THE_SWEEP = ("hydra/sweeper", "hydra.sweeper", "hydra/launcher", "hydra.launcher", "hydra.sweep.", "hydra.mode")


def looked_at(verb: str, study: Study, *others: Study) -> str:
    """`sweeps VERB STUDY ...`, with the storage where `sweeps` itself would look elsewhere."""
    names = [study.name, *(other.name for other in others)]
    names = ["--", *names] if any(name.startswith("-") for name in names) else names
    return shlex.join(["sweeps", *verb.split(), *_storage(study.database.url), *names])


def shown_by_mlflow(study: Study, uri: str, *others: Study) -> str:
    """`sweeps ui STUDY ...`, with the tracking URI where `sweeps` itself would look elsewhere."""
    is_here = _here() == Path.cwd()
    command = looked_at("ui", study, *others)
    if uri == tracking_uri() and (is_here or not uri.startswith("sqlite:")):
        return command
    uri = uri if is_here or not uri.startswith("sqlite:") else absolute(uri)
    where = address(uri) if uri.startswith("http") else shown(uri)
    return command.replace("sweeps ui", shlex.join(["sweeps", "ui", "--tracking", where]), 1)


def asked_by(study: Study) -> str:
    """The command that was typed for a study; its overrides alone where no command is known."""
    command = study.facts.get("command") or {}
    program = [*_program(command), *(command.get("options") or [])]
    mode = ["-m"] if program and not command.get("is_always_multirun") else []
    return shlex.join([*program, *mode, *(command.get("hydra") or []), *(study.facts.get("arguments") or [])])


def repeated(study: Study, point: Point) -> str:
    """The command that runs a point once, without a study; the overrides alone where no command is known."""
    command = study.facts.get("command") or {}
    known = [*(command.get("hydra") or []), *(study.facts.get("arguments") or [])]
    typed = [text for text in known if _is_of_each_run(text) and text.partition("=")[0] not in point.overrides]
    mode = ["hydra.mode=RUN"] if command.get("is_always_multirun") else []
    return shlex.join([*_program(command), *(command.get("options") or []), *mode, *typed, *point.as_arguments()])


def _storage(url: Any) -> list[str]:
    # Whoever joins by `sweeps worker --storage` has it in the environment of that command only.
    stored = os.environ.get("SWEEPS_STORED_COMMAND")
    usual = f"sqlite:///{_here() / DEFAULT_DIRECTORY}/studies.db" if stored else default_storage()
    with contextlib.suppress(StudyError):  # what the environment says may be no address
        if _place(url) == _place(check_url(usual)):
            return []
    return ["--storage", shown(url.set(drivername=url.get_backend_name()))]


def _here() -> Path:
    """Where the command was typed; `sweeps worker` goes on in the study's working directory."""
    return Path.cwd() / os.environ.get("SWEEPS_STORED_COMMAND", "")


def _place(url: Any) -> Any:
    is_file = url.get_backend_name() == "sqlite"
    return Path(url.database or "").absolute() if is_file else url.set(password=None)


def _is_of_each_run(override: str) -> bool:
    key = override.lstrip("+~").partition("=")[0]
    return re.split(r"[./@]", key)[0] in ("hydra", "paths") and not key.startswith(_OF_THE_SWEEP)


def _program(command: dict[str, Any]) -> list[str]:
    """A console script, a module or a script, as it is started from this directory."""
    module, script = command.get("module"), command.get("script")
    if script:
        path = Path(script)
        return [_python(), str(path.relative_to(_here()) if path.is_relative_to(_here()) else path)]
    if not module or module == "__main__":
        return []
    console_script = _console_script(module)
    return [console_script] if console_script else [_python(), "-m", module]


@functools.cache
def _console_script(module: str) -> str | None:
    for entry in importlib.metadata.entry_points(group="console_scripts"):
        if entry.module == module and shutil.which(entry.name):
            return entry.name
    return None


def _python() -> str:
    """`python` where that is this one, which may be called python3.11, too."""
    found, own = Path(shutil.which("python") or ".").absolute(), Path(sys.executable)
    is_own = found.parent == own.parent and found.is_file() and found.samefile(own)
    return "python" if is_own else sys.executable
