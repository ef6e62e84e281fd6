"""Says on a terminal what a command prepares before its first trial, in a line that the next one replaces."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

_CLEAR = "\r\x1b[K"


class _Status:
    """The line that stands now; empty where none does."""

    line = ""
    streams: tuple[TextIO, TextIO] | None = None


@contextlib.contextmanager
def shown_on_terminal() -> Iterator[None]:
    """Meanwhile `preparing` shows a line, where standard error is a terminal; whatever else is printed comes first."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    _Status.streams = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, _Clearing(sys.stdout)), cast(TextIO, _Clearing(sys.stderr))
    try:
        yield
    finally:
        prepared()


def preparing(what: str) -> None:
    """Show what the command does now: `Composing 48 points`."""
    if _Status.streams is not None:
        _clear()
        _Status.line = f"{what} ..."
        _Status.streams[1].write(_Status.line)
        _Status.streams[1].flush()


def prepared() -> None:
    """Take the line away: what follows has a display of its own."""
    if _Status.streams is not None:
        _clear()
        sys.stdout, sys.stderr = _Status.streams
        _Status.streams = None


def _clear() -> None:
    if _Status.line and _Status.streams is not None:
        _Status.line = ""
        _Status.streams[1].write(_CLEAR)
        _Status.streams[1].flush()


class _Clearing:
    """A stream before whose words the line goes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        _clear()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
