"""How a task has ended, as its trial says it."""

import builtins
import contextlib
import io
import itertools
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from greenlet import GreenletExit

from sweeps.outcome import Cause
from sweeps.redact import text
from sweeps.trial.disk import lack_in
from sweeps.trial.handle import TrialPruned
from sweeps.worker.messages import GaveUp, LastWord, Raised, Returned, encode
from sweeps.worker.returned import sendable

_TERMINATED = 128 + signal.SIGTERM
_TRACEBACK = "Traceback (most recent call last):\n"
_PRUNED = (f"{TrialPruned.__module__}.{TrialPruned.__qualname__}", "optuna.exceptions.TrialPruned")
"""As a traceback names them."""


def report_of(number: int, task: Callable[[], Any]) -> LastWord:
    """Run a task and say how it ended, whatever it returns or raises.

    Args:
        number: The trial's number.
        task: Returns whatever a task function may return.
    """
    try:
        word = Returned(trial=number, value=sendable(task()))
        encode(word)  # what cannot be sent is the task's error
        return word
    except SystemExit as end:
        if end.code == _TERMINATED:
            raise  # the exit code tells that SIGTERM has been taken
        return _exited(number, end)
    except GreenletExit:
        raise  # the process ends
    except BaseException as error:  # KeyboardInterrupt, too: a trial ignores Ctrl-C, so the task has raised it
        if _is_pruning(error):
            return GaveUp(trial=number)
        detail = _told(error)
        if (lack := lack_in(error)) is not None and lack is not error:
            detail += f" ({lack})"
        with contextlib.suppress(OSError):  # the log may be on the disk that is full
            traceback.print_exc()
        return Raised(trial=number, cause=_cause(error), detail=detail)


def _exited(number: int, end: SystemExit) -> Raised:
    """A task that ends its process: with a text that is an error, else a crash, which one of a library may be."""
    if end.code is not None and not isinstance(end.code, int):
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{end.code}\n")
        return Raised(trial=number, cause="error", detail=_told(end))
    with contextlib.suppress(OSError):
        traceback.print_exc()
    last = traceback.extract_tb(end.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}"
    told = f"exited with code {end.code or 0} without a result (sys.exit in {place})"
    return Raised(trial=number, cause="crash", detail=text(told))


def tell_hooks(error: Exception, *, is_alone: bool) -> None:
    """Let those know who want to hear of an error that nobody catches: loggers mark their run as failed.

    What they print is not for the log of the trial, which has the error anyway. That it was pruned is no error.

    Args:
        error: What the task has raised.
        is_alone: Whether the process has no other trial; else the run of another one may be open in it.
    """
    if is_alone and sys.excepthook is not sys.__excepthook__ and not _is_pruning(error):
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                sys.excepthook(type(error), error, error.__traceback__)
        except (Exception, SystemExit) as of_hook:
            sys.stderr.write(f"sys.excepthook has failed: {_told(of_hook)}\n")


def _is_pruning(error: BaseException) -> bool:
    """Whether it says that the trial was pruned: our word for it or Optuna's, also of a process that the task started.

    So does an error that was raised from one that says it. A task that raises Optuna's has imported it.
    """
    if error.__cause__ is not None and _is_pruning(error.__cause__):
        return True
    exceptions = sys.modules.get("optuna.exceptions")
    if isinstance(error, TrialPruned) or (exceptions is not None and isinstance(error, exceptions.TrialPruned)):
        return True
    return (_told_by_rank(error) or "").partition(":")[0] in _PRUNED


def _told(error: BaseException) -> str:
    """Kind and text of an error, on however many lines; an error of one's own may have no text that can be had."""
    if (told := _told_by_rank(error)) is not None:
        return text(told)
    try:
        said = str(error).strip()
    except Exception:
        said = "a message that cannot be printed"
    return text(f"{type(error).__name__}: {said or 'no message'}")


def _told_by_rank(error: BaseException) -> str | None:
    """Kind and text of what a process has raised that `torch.multiprocessing` has started; None of other errors.

    Such an error has the whole traceback of that process as its text, and nothing else of it.
    """
    if type(error).__name__ != "ProcessRaisedException":
        return None
    lines = str(error).rpartition(_TRACEBACK)[2].strip("\n").splitlines()
    told = list(itertools.dropwhile(lambda line: line.startswith(" "), lines))
    return "\n".join(told) or None


def _kind_of(error: BaseException) -> str:
    """The name of an error's class, without those of its module."""
    told = _told_by_rank(error)
    return type(error).__name__ if told is None else told.partition(":")[0].rpartition(".")[2]


def _cause(error: BaseException) -> Cause:
    kind = _kind_of(error)
    known = getattr(builtins, kind, None)
    kinds = (*type(error).__mro__, *(known.__mro__ if isinstance(known, type) else ()))
    if MemoryError in kinds or kind == "OutOfMemoryError":
        return "out_of_memory"
    if lack_in(error) is not None:
        return "disk"
    if FloatingPointError in kinds:
        return "nonfinite"
    if OSError in kinds or "DataLoader worker" in _told(error):
        return "input_output"
    return "error"
