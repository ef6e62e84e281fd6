"""How the command that started a study is started again, on this machine or another."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.override_parser.types import Quote, QuotedString

from sweeps.errors import StudyError
from sweeps.grammar import IN_SWEEPER
from sweeps.stored_line import check_stored

SOURCES_OF = "SWEEPS_SOURCES_OF"
"""Variable of a process that joins a study: its name. Where the study is kept, SWEEPS_STORAGE says."""

_NOT_AGAIN = ("name", "retry_failed", "preview", "slots", "num_workers", "submit")
"""Settings of the first command that another worker must not repeat; how many slots it has, its machine says."""

_OF_A_LAUNCHER = ("hydra/launcher=", "hydra.launcher.")


def started_by(task: str) -> dict[str, Any]:
    """The running command, as plain values that a study keeps.

    Args:
        task: `module:function` of the task function.

    Returns:
        `module`, or `script` with its path; `options`: those of Hydra's that choose the configuration, with absolute
        paths; `directory`: where it was typed.
    """
    module = task.partition(":")[0]
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    # A script that takes its task from a module may prepare something; a program of the environment only calls it.
    is_own = module == "__main__" or (str(script).endswith(".py") and sys.modules["__main__"].__spec__ is None)
    return {
        "module": module,
        "script": str(Path(script).resolve()) if script and is_own and Path(script).is_file() else None,
        "options": _options(sys.argv[1:]),
        "directory": str(Path.cwd()),
    }


def again(study: str, facts: dict[str, Any], slots: int | None = None) -> list[str]:
    """The command line that joins a study: program, options and overrides.

    Args:
        study: The study's name.
        facts: What the study keeps of the command that started it.
        slots: Trials at a time; None: as many as the machine has room for.

    Raises:
        StudyError: It was started from neither a module nor a script.
    """
    if facts.get("withheld"):
        known = ", ".join(facts["withheld"])
        raise StudyError(
            f"Study {study!r} was started with a secret, which it does not keep ({known}). Start its line."
        )
    check_place(study, facts)
    command = facts.get("command") or {"module": str(facts["task"]).partition(":")[0], "script": None, "options": []}
    if command["script"]:
        program = [command["script"]]
    elif command["module"] != "__main__":
        program = ["-m", command["module"]]
    else:
        raise StudyError(f"Study {study!r} was started from neither a module nor a script; start its own line again.")
    name = QuotedString(study, Quote.single).with_quotes()
    typed = [*(command.get("hydra") or []), *facts["arguments"]]
    places = (f"{IN_SWEEPER}study", facts.get("study_key", "study"))
    left_out = (*(f"{place}.{setting}=" for place in places for setting in _NOT_AGAIN), *_OF_A_LAUNCHER)
    overrides = [text for text in typed if not text.lstrip("+").startswith(left_out)]
    own = [f"{IN_SWEEPER}study.name={name}", *([f"{IN_SWEEPER}study.slots={slots}"] if slots else [])]
    return [sys.executable, *program, "-m", *command["options"], *overrides, *own]


def check_joinable(study: str, task: str, withheld: Iterable[str]) -> None:
    """Refuse a study that other workers could not join, before it is made.

    Args:
        study: The study's name.
        task: `module:function` of the task function.
        withheld: Keys whose values the study would not keep.

    Raises:
        StudyError: With the reason.
    """
    again(study, {"withheld": sorted(withheld), "command": started_by(task), "arguments": []})


def join(
    study: str,
    facts: dict[str, Any],
    storage: str,
    slots: int | None = None,
    *,
    is_trusted: bool,
    allows_drift: bool = False,
) -> NoReturn:
    """Become a worker of the study: this process runs its line, where it was typed.

    A module is run here, where that folder is on another machine: which files it finds, the module itself says.

    Args:
        study: The study's name.
        facts: What the study keeps of the command that started it.
        storage: URL of the storage, the same from every working directory.
        slots: Trials at a time; None: as many as the machine has room for.
        is_trusted: Whether the user knows the line, whatever it is.
        allows_drift: Whether other code and versions than the study's may work on it.

    Raises:
        StudyError: Something of it is missing here.
    """
    line, here = again(study, facts, slots), str(Path.cwd())
    typed_in = (facts.get("command") or {}).get("directory") or "."
    if Path(typed_in).exists():
        os.chdir(typed_in)
    else:
        sys.stderr.write(f"{typed_in}, where the study was started, is not here. Works in {here}.\n")
    check_module(study, line)
    line += [f"{IN_SWEEPER}study.allow_drift=true"] if allows_drift else []
    if not is_trusted:
        check_stored(study, line, [str(Path.cwd()), *sys.path])
    # The line comes from the database: whoever can write there must not approve anything in this user's name. What is
    # printed in the end is typed where this command was.
    environment = {**os.environ, "SWEEPS_STORED_COMMAND": here, "SWEEPS_STORAGE": storage}
    environment[SOURCES_OF] = study
    # `python -m` warns of a module that a plugin of Hydra's has imported before.
    quiet = [line[0], "-W", "ignore::RuntimeWarning:runpy", *line[1:]]
    os.execve(sys.executable, quiet, environment)


def check_module(study: str, line: Sequence[str]) -> None:
    """Refuse a command line whose module is not on this machine; `check_place` has looked for a script.

    Args:
        study: The study's name.
        line: What `again` has given.

    Raises:
        StudyError: With the module, and what to do.
    """
    if line[1] != "-m":
        return
    package = line[2].partition(".")[0]
    here = str(Path.cwd())  # where `python -m` looks first
    if PathFinder.find_spec(package, [here, *sys.path]) is None and find_spec(package) is None:
        raise StudyError(
            f"Study {study!r} was started by the module {line[2]}, which cannot be imported here."
            f" Change to the folder that holds {package}, or name it in PYTHONPATH."
        )


def check_place(study: str, facts: dict[str, Any]) -> None:
    """Compare what a study was started from with what is on this machine.

    Raises:
        StudyError: Something of it is missing here.
    """
    command = facts.get("command") or {}
    # A module is found by its name, so any folder will do; a script reads what lies beside it.
    directory = command.get("directory") if command.get("script") else None
    places = {"working directory": directory, "program": command.get("script")}
    places |= {"configuration folder": _folder(command.get("options", ()))}
    missing = [f"{what} {path}" for what, path in places.items() if path and not Path(path).exists()]
    if missing:
        line = " ".join(facts.get("arguments") or [])
        raise StudyError(
            f"Study {study!r} was started from what is not here: {', '.join(missing)}. In your copy of the project,"
            f" start the study's own line with -m {line}"
        )


def _folder(options: Sequence[str]) -> str | None:
    return next((text.partition("=")[2] for text in options if text.startswith("--config-dir=")), None)


def _options(arguments: Sequence[str]) -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)  # with abbreviations, as Hydra's own
    for short, long in (("-cn", "--config-name"), ("-cp", "--config-path"), ("-cd", "--config-dir")):
        parser.add_argument(short, long)
    found = vars(parser.parse_known_args(arguments)[0])
    if found["config_dir"] is not None:
        found["config_dir"] = str(Path(found["config_dir"]).absolute())  # that of --config-path is the program's
    return [f"--{name.replace('_', '-')}={value}" for name, value in found.items() if value is not None]
