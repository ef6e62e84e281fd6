"""Standard output as it may be: closed by its reader, or a terminal that knows no more than ASCII."""

import codecs
import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator

_PLAIN = {"\u00b1": "+-", "\u00d7": "x", "\u2026": "...", "\u2192": "->", "\u2013": "-", "\u2014": "-"}
_HANDLER = "sweeps.plain"


@contextlib.contextmanager
def tolerant_output() -> Iterator[None]:
    """Write other signs for those that a terminal does not have, and end quietly where the reader of a pipe is gone."""
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
        raise SystemExit(128 + signal.SIGPIPE) from None


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
