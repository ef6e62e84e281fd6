"""Memory that was freed goes back to the system."""

import contextlib
import ctypes

_MUCH = 16 * 2**20
"""Bytes."""


def give_back() -> None:
    """Return what was freed: glibc keeps what tensors of up to 32 MB have had, and a stack is made beside it."""
    with contextlib.suppress(AttributeError, OSError):  # a function of glibc's
        ctypes.CDLL(None).malloc_trim(0)


def give_back_much() -> None:
    """Return what was freed if it is so much that it is worth the time that this takes, a millisecond or two."""
    with contextlib.suppress(AttributeError, OSError):
        about = ctypes.CDLL(None).mallinfo2
        about.restype = _MallInfo
        if about().fordblks >= _MUCH:  # bytes that are free
            give_back()


class _MallInfo(ctypes.Structure):
    """What glibc tells of its memory, `struct mallinfo2`: ten numbers."""

    _fields_ = (("others", 8 * ctypes.c_size_t), ("fordblks", ctypes.c_size_t), ("keepcost", ctypes.c_size_t))
