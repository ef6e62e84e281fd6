"""How a task has ended, as its trial says it."""

import contextlib
import sys
import traceback
from collections.abc import Callable
from typing import Any

from sweeps.outcome import Cause
from sweeps.redact import text
from sweeps.trial.disk import lack_in
from sweeps.trial.handle import TrialPruned
from sweeps.worker.messages import GaveUp, LastWord, Raised, Returned, encode
from sweeps.worker.returned import sendable


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
    except TrialPruned:
        return GaveUp(trial=number)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise  # the exit code tells: 143 where SIGTERM has been taken
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{end.code}\n")
        return Raised(trial=number, cause="error", detail=_told(end))
    except Exception as error:
        if _is_pruning(error):
            return GaveUp(trial=number)
        detail = _told(error)
        if (lack := lack_in(error)) is not None and lack is not error:
            detail += f" ({lack})"
        with contextlib.suppress(OSError):  # the log may be on the disk that is full
            traceback.print_exc()
        return Raised(trial=number, cause=_cause(error), detail=detail)


def _told(error: BaseException) -> str:
    """Kind and text of an error, on however many lines; an error of one's own may have no text that can be had."""
    try:
        said = str(error).strip()
    except Exception:
        said = "a message that cannot be printed"
    return text(f"{type(error).__name__}: {said or 'no message'}")


def _is_pruning(error: BaseException) -> bool:
    """Whether it is Optuna's own word for it; a task that raises that has imported it."""
    exceptions = sys.modules.get("optuna.exceptions")
    return exceptions is not None and isinstance(error, exceptions.TrialPruned)


def _cause(error: BaseException) -> Cause:
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "out_of_memory"
    if lack_in(error) is not None:
        return "disk"
    if isinstance(error, FloatingPointError):
        return "nonfinite"
    if isinstance(error, OSError) or "DataLoader worker" in _told(error):
        return "input_output"
    return "error"
