"""Runs at a trial's end what its task means to run at the end of its process.

A process that multiprocessing has forked ends without the functions of `atexit`, in many versions of Python. Loggers of
experiments send their last values there, and temporary folders go.
"""

import atexit
import multiprocessing.util
import sys
import weakref

_FLUENT = "mlflow.tracking.fluent"


def forget_inherited() -> None:
    """Leave to the fork server what it has registered: a folder that it needs is not its children's to remove."""
    weakref.finalize(forget_inherited, str).detach()  # `finalize` registers its own function once, and not after this
    atexit._clear()
    for finalizer in _finalizers():
        finalizer.atexit = False
    if _FLUENT in sys.modules:  # else its import registers the same
        atexit.register(end_runs)


def run_registered() -> None:
    """Run what was registered since, the last one first; an error of one is printed, and keeps no other from it."""
    atexit._run_exitfuncs()
    for finalizer in reversed(_finalizers()):
        try:
            finalizer()
        except Exception:
            sys.excepthook(*sys.exc_info())
    # Whose turn is next, in versions of Python that call it from there.
    atexit.register(multiprocessing.util._exit_function)  # type: ignore[attr-defined]


def end_runs() -> None:
    """End the runs of MLflow that this thread has open."""
    if (fluent := sys.modules.get(_FLUENT)) is not None:
        while fluent.active_run() is not None:
            fluent.end_run()


def _finalizers() -> list["weakref.finalize[..., object]"]:
    """Those that are to run at an exit, in the order in which they were made."""
    return [finalizer for finalizer in list(weakref.finalize._registry) if finalizer.atexit]  # type: ignore[attr-defined]
