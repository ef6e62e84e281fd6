"""Does at a trial's end what Python does at the end of a process.

A process that multiprocessing has forked ends without the functions of `atexit`, in many versions of Python. Loggers of
experiments send their last values there, and temporary folders go. Nor does it write what is in the buffers of files
that are still open.
"""

import atexit
import contextlib
import gc
import io
import multiprocessing.util
import os
import sys
import weakref
from collections.abc import Iterator

from sweeps.errors import first_line
from sweeps.redact import text

_FLUENT = "mlflow.tracking.fluent"
_STANDARD = 2
"""The highest number of a standard stream."""

_File = io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom
_of_server: list["weakref.ref[_File]"] = []
"""Files that modules of the application have opened in the fork server; collections do not see them."""


def keep_files() -> None:
    """Note the files of the fork server, before its objects are left out of collections.

    What they hold was written by the import of a module, and the import in the command writes it, too: it is dropped.
    """
    nothing = os.open(os.devnull, os.O_WRONLY)
    for file in list(_open_files()):
        number, is_inheritable = file.fileno(), os.get_inheritable(file.fileno())
        kept = os.dup(number)
        os.dup2(nothing, number)
        with contextlib.suppress(OSError, ValueError):
            file.flush()
        os.dup2(kept, number, is_inheritable)
        os.close(kept)
        _of_server.append(weakref.ref(file))
    os.close(nothing)


def forget_inherited() -> None:
    """Leave to the fork server what it has registered: a folder that it needs is not its children's to remove."""
    weakref.finalize(forget_inherited, str).detach()  # `finalize` registers its own function once, and not after this
    atexit._clear()
    for finalizer in _finalizers():
        finalizer.atexit = False
    if _FLUENT in sys.modules:  # else its import registers the same
        atexit.register(end_runs)


def finish() -> None:
    """Run what was registered since, the last one first, and write what files hold.

    An error is printed, and keeps nothing else from it.
    """
    atexit._run_exitfuncs()
    for finalizer in reversed(_finalizers()):
        try:
            finalizer()
        except Exception:
            sys.excepthook(*sys.exc_info())
    for file in [*_open_files(), *(file for ref in _of_server if (file := ref()) is not None)]:
        with contextlib.suppress(OSError, ValueError):
            file.flush()
    # Whose turn is next, in versions of Python that call it from there.
    atexit.register(multiprocessing.util._exit_function)  # type: ignore[attr-defined]


def end_runs() -> None:
    """End the runs of MLflow that this thread has open; a server that does not take that costs the trial nothing."""
    if (fluent := sys.modules.get(_FLUENT)) is not None:
        while fluent.active_run() is not None:
            try:
                fluent.end_run()  # forgets the run first
            except Exception as error:
                sys.stderr.write(text(f"A run of MLflow could not be ended: {first_line(error)}\n"))


def _open_files() -> Iterator[_File]:
    """Files with a buffer to write, text before the bytes below it."""
    # By its type: an object may answer for its class, and begin to import what it stands for.
    files = [each for each in gc.get_objects() if issubclass(type(each), _File)]
    found = [each for each in files if not each.closed and each.writable()]
    for file in sorted(found, key=lambda each: not isinstance(each, io.TextIOWrapper)):
        with contextlib.suppress(OSError, ValueError):  # not of the system
            if file.fileno() > _STANDARD:
                yield file


def _finalizers() -> list["weakref.finalize[..., object]"]:
    """Those that are to run at an exit, in the order in which they were made."""
    return [finalizer for finalizer in list(weakref.finalize._registry) if finalizer.atexit]  # type: ignore[attr-defined]
