"""Memory that was freed goes back to the system."""

import contextlib
import ctypes


def give_back() -> None:
    """Return what was freed: glibc keeps what tensors of up to 32 MB have had, and a stack is made beside it."""
    with contextlib.suppress(AttributeError, OSError):  # a function of glibc's
        ctypes.CDLL(None).malloc_trim(0)
