"""How a command ends, for any application: exit codes, and one line for a mistake of the user's.

0: every trial has ended well. 1: some trials have failed. 2: the command was wrong, and nothing was created.
75: the time of a worker was over (`--max-time`, SIGUSR1, SIGUSR2); start it again.
129, 130, 141 and 143: the terminal was closed, Ctrl-C, nobody reads the output, SIGTERM; the study can be continued.
"""

import _thread
import contextlib
import functools
import inspect
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hydra.errors import CompactHydraException, HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.errors import StudyError, SweepsError, did_you_mean, first_line
from sweeps.grammar import IN_SWEEPER, explained, of_some_options
from sweeps.guards import guard_terminal
from sweeps.other_sweeper import warn_of_another
from sweeps.output import tolerant_output

_ENDING = (signal.SIGTERM, signal.SIGHUP)

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


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, end the process by an exception, so that it cleans up.

    The exit codes are 143 and 129. A further signal does not disturb a process that is ending for the first one.
    Whatever the exception meets on its way, and whatever error that makes of it, the process ends for the signal.
    """
    # `nohup` has SIGHUP ignored on purpose; Ctrl-C is taken where Python would raise it.
    taken = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    is_raised = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    asked: list[int] = []
    ask = functools.partial(_ask, asked)
    previous = {number: signal.signal(number, ask) for number in [*taken, *([signal.SIGINT] if is_raised else [])]}
    hook = sys.unraisablehook
    sys.unraisablehook = functools.partial(_signal_again, hook)
    try:
        with _signal_first(asked):
            yield
    except SystemExit as end:
        if end.code in [128 + number for number in taken]:
            previous |= dict.fromkeys(taken, signal.SIG_IGN)
        raise
    finally:
        sys.unraisablehook = hook
        for number, handler in previous.items():
            signal.signal(number, handler)


def _ask(asked: list[int], number: int, frame: object) -> None:
    asked.append(number)
    raise _end_of(number)


def _end_of(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


@contextlib.contextmanager
def _signal_first(asked: Sequence[int]) -> Iterator[None]:
    """End for a signal that was asked for, also where its exception has met an object half made and become an error."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:
        if not asked:
            raise
        raise _end_of(asked[0]) from None


def _signal_again(otherwise: Callable[[Any], object], unraisable: Any) -> None:
    """Repeat a signal whose exception came where Python drops it, as in the callback of a weak reference."""
    error = unraisable.exc_value
    codes: dict[object, int] = {128 + number: number for number in _ENDING}
    number = codes.get(error.code) if isinstance(error, SystemExit) else None
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGINT
    if number is None:
        otherwise(unraisable)
        return

    def later() -> None:
        time.sleep(0.01)
        os.kill(os.getpid(), number)

    _thread.start_new_thread(later, ())  # takes no lock, which the main thread might hold


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
