"""Nothing secret passes the terminal or the logs of a process that has called these."""

import logging
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from sweeps.redact import learn_overrides, text


def guard_terminal() -> None:
    """Let nothing secret pass `sys.stdout` and `sys.stderr` of this process from now on."""
    learn_overrides(sys.argv[1:])
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, GuardedStream):
            setattr(sys, name, GuardedStream(stream))


def guard_logs() -> None:
    """Let nothing secret pass any handler of `logging`: handlers open files of their own, and add tracebacks."""
    plain = logging.Handler.format
    if plain.__module__ != __name__:  # a process that runs several trials calls this for each
        logging.Handler.format = lambda handler, record: text(plain(handler, record))  # type: ignore[assignment,method-assign]


class GuardedStream:
    """A text stream that replaces secrets; whatever else is asked of it, the stream itself answers."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, written: str) -> int:
        self._stream.write(text(written))
        return len(written)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
