"""How a command ends, for any application: exit codes, and one line for a mistake of the user's.

0: every trial has ended well. 1: some trials have failed. 2: the command was wrong, and nothing was created.
75: the time of a worker was over (`--max-time`, SIGUSR1, SIGUSR2); start it again.
129, 130, 141 and 143: the terminal was closed, Ctrl-C, nobody reads the output, SIGTERM; the study can be continued.
"""

import contextlib
import functools
import inspect
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from hydra.errors import CompactHydraException, HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.errors import StudyError, SweepsError, did_you_mean, first_line
from sweeps.grammar import IN_SWEEPER, explained, of_some_options
from sweeps.guards import guard_terminal
from sweeps.other_sweeper import warn_of_another
from sweeps.output import tolerant_output

_ADVICE = re.compile(
    r"\s*(To append to your config|Set the environment|full_key:|object_type|Available options|See http)"
)

_OURS = re.compile(r"override [+']*((?:study|tracking)\.\w+)")
"""A key of ours that a configuration has no place for, in the words of Hydra."""


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a mistake of the user's into one line on stderr and exit code 2, and Ctrl-C into 130.

    An error of ours that ends work under way has exit code 1.

    So does an output that nobody reads any more, as with `| head`: exit code 141.

    With `HYDRA_FULL_ERROR=1` errors pass, as Hydra itself has it.
    """
    try:
        with tolerant_output():
            yield
    except (CompactHydraException, OmegaConfBaseException) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"Error: {one_line(error)}", file=sys.stderr)
        raise SystemExit(getattr(error, "exit_code", 2)) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


def usage_error(error: Exception) -> BaseException:
    """A command line of `sweeps` that typer cannot read, in one line; another error stays what it is."""
    context = getattr(error, "ctx", None)  # of typer's own errors, whose classes are private
    if context is None or not hasattr(error, "format_message"):
        return error
    if not sys.argv[1:]:  # no command: the message is the help
        print(error.format_message())
        return SystemExit(2)
    told = error.format_message().rstrip(".")
    return StudyError(f"{told}{'' if told.endswith('?') else '.'} `{context.command_path} --help` shows how.")


def agrees(question: str) -> bool:
    """Whether the user says yes; silence, Ctrl-C, and no terminal to answer at, are no."""
    import typer

    try:
        return typer.confirm(question)
    except typer.Abort:
        print()
        return False


def one_line(error: BaseException) -> str:
    """What an error of Hydra's or ours says, on one line, with the keys that exist where one does not."""
    parts = [_without_advice(str(error))] if isinstance(error, CompactHydraException) else []
    links = [link for link in (error, error.__cause__) if isinstance(link, OmegaConfBaseException)]
    is_told = isinstance(error, SweepsError)  # it may have quoted its cause
    parts += [_key_error(link) for link in links if not (is_told and first_line(link) in parts[0])]
    told = " ".join(" ".join(parts).split())
    if not (placed := _OURS.search(told)):
        return told
    return f"{told.rstrip('.')}. Any configuration takes {IN_SWEEPER}{placed[1]}=..., without a plus."


def guard_command_line(sweeper: str) -> None:
    """Report a command line that does not compose as `one_line_errors` does.

    Hydra composes before it makes the sweeper, so the sweeper alone cannot. Applications with another sweeper, and
    errors of the task itself, keep Hydra's own report.

    Args:
        sweeper: Name of our option in `hydra/sweeper`.
    """
    from hydra._internal import utils

    if not hasattr(utils.run_and_report, "__wrapped__"):  # our module may be imported by two names
        utils.run_and_report = _guarded(utils.run_and_report, sweeper)


def _guarded(run_and_report: Callable[..., Any], sweeper: str) -> Callable[..., Any]:
    @functools.wraps(run_and_report)
    def guarded(step: Callable[[], Any]) -> Any:
        def reported() -> Any:
            try:
                with tolerant_output():
                    warn_of_another(step, sweeper)
                    return step()
            except (HydraException, OmegaConfBaseException, ValueError) as error:
                if _is_of_a_job(error) or _sweeper_of(step) != sweeper:
                    raise
                told = explained(error)
                guard_terminal()
                with one_line_errors():
                    if told is error:
                        raise
                    raise told from error

        return run_and_report(reported)

    return guarded


def _is_of_a_job(error: BaseException) -> bool:
    return any(frame.f_code.co_name == "run_job" for frame, _ in traceback.walk_tb(error.__traceback__))


def _sweeper_of(step: Callable[[], Any]) -> str | None:
    """The option of `hydra/sweeper` that the running application has, whatever else is wrong with its command line.

    Args:
        step: A closure of Hydra's `_run_hydra` or `_run_app`, which holds the invocation.
    """
    from hydra.types import RunMode

    held = inspect.getclosurevars(step).nonlocals
    if not {"hydra", "config_name", "overrides"} <= held.keys():
        return None
    overrides = [text for text in held["overrides"] if text.startswith("hydra/sweeper=")]
    with contextlib.suppress(CompactHydraException, OmegaConfBaseException):
        config = held["hydra"].compose_config(held["config_name"], overrides, RunMode.RUN)
        return str(OmegaConf.select(config, "hydra.runtime.choices").get("hydra/sweeper"))
    return None


def _key_error(error: OmegaConfBaseException) -> str:
    parent = getattr(error, "parent_node", None)
    key = str(getattr(error, "key", "") or "")
    full_key = str(getattr(error, "full_key", "") or key)
    if "not in struct" in str(error) and OmegaConf.is_dict(parent):
        known = sorted(str(name) for name in parent or ())
        made = OmegaConf.to_container(parent, resolve=False).get("_target_")  # type: ignore[union-attr]
        option = f" An option of {made} that the configuration does not set has a plus: +{full_key}=" if made else ""
        told = f"Key {full_key!r} does not exist. Known here: {did_you_mean(key, known)}{option}"
        return f"{told}{of_some_options(full_key, sys.argv[1:])}"
    first = _without_advice(getattr(error, "msg", None) or str(error))
    return first if full_key in first else f"{full_key}: {first}"


def _without_advice(text: str) -> str:
    """What Hydra says before it starts to advise and to list details of its own."""
    kept: list[str] = []
    for line in text.strip().splitlines():
        if _ADVICE.match(line):
            break
        kept.append(line.strip())
    return " ".join(kept)
