"""Fewer collections of garbage in a process that imports and composes much, and keeps most of it."""

import atexit
import gc

_THRESHOLDS = 50_000, 10, 10
"""Objects between two collections, and so on. With the few hundred of Python itself a start takes a fifth longer."""


def collect_rarely() -> None:
    """Collect less often in this process from now on; what is in no circle is freed at once as ever."""
    gc.set_threshold(*_THRESHOLDS)


def spare_what_is_there() -> None:
    """Leave out of all later collections, but the last one, what this process has made so far: it keeps most of it."""
    gc.freeze()
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)  # else extension modules say at the end that they have leaked
