"""Standard output as it may be: closed by its reader, or a terminal that knows no more than ASCII."""

import codecs
import contextlib
import errno
import os
import re
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from typing import TextIO

_PLAIN = {"\u00b1": "+-", "\u00d7": "x", "\u2026": "...", "\u2192": "->", "\u2013": "-", "\u2014": "-"}
BROKEN_PIPE = 128 + signal.SIGPIPE
"""Exit code where nobody reads the output any more."""

_HANDLER = "sweeps.plain"
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
"""What a terminal takes for a command: colours, a title, movements of the cursor."""


def one_line(text: str, max_chars: int | None = None) -> str:
    """A text of unknown origin as one line without commands for the terminal; cut where it is longer than asked."""
    plain = "".join(sign if sign.isprintable() else " " for sign in _ESCAPE.sub("", text))
    line = " ".join(plain.split())
    return line if max_chars is None or len(line) <= max_chars else f"{line[: max(1, max_chars) - 1]}\u2026"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def width_of(stream: TextIO) -> int | None:
    """Characters of a line of the terminal behind a stream; None where there is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


@contextlib.contextmanager
def tolerant_output() -> Iterator[None]:
    """Write other signs for those that a terminal does not have, and end quietly where the reader of a pipe is gone."""
    replace_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower() not in ("utf-8", "utf8"):
            stream.reconfigure(errors=_HANDLER)
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_broken():  # another pipe
            raise
        drop_output()
        raise SystemExit(BROKEN_PIPE) from None
    except OSError as error:
        if error.errno != errno.ENOSPC or not _is_full():  # another file
            raise
        drop_output()
        sys.stderr.write(f"Error: the output cannot be written: {os.strerror(errno.ENOSPC)}.\n")
        raise SystemExit(1) from None


def _is_full() -> bool:
    """Whether standard output has no room for one more sign; a torn line ends with it otherwise."""
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except OSError as error:
        return error.errno == errno.ENOSPC
    return False


def replace_closed() -> None:
    """Let what is printed go nowhere where the command was started without an output, as by `>&-`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for as long as the process lives


def drop_output() -> None:
    """Let whatever is still printed go nowhere: nobody reads it, and Python flushes once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _is_broken() -> bool:
    """Whether nobody can read standard output any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error(_HANDLER, _replaced)
