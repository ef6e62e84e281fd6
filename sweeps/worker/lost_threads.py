"""Threads that the application's imports have started: a fork of the server has none of them."""

import sys
import threading

from sweeps.redact import text

_names: list[str] = []


def note() -> None:
    """Note in the fork server, once it has imported the application, which threads run there."""
    _names[:] = sorted({_name_of(each) for each in threading.enumerate() if each is not threading.main_thread()})


def warn() -> None:
    """Say in a process of a trial what it lacks."""
    if _names:
        told = (
            f"Warning: the application starts threads where it is imported ({', '.join(_names)}). Trials have none of"
            " them: what such a thread writes or sends, as for a SummaryWriter made there, is lost. Make it in the task"
            " function."
        )
        sys.stderr.write(f"{text(told)}\n")


def _name_of(thread: threading.Thread) -> str:
    """What runs in it: a class of its own, or the function that it calls."""
    if type(thread) not in (threading.Thread, threading.Timer):
        return type(thread).__name__.lstrip("_")
    function = getattr(thread, "function", None) or getattr(thread, "_target", None)
    return getattr(function, "__qualname__", thread.name)
