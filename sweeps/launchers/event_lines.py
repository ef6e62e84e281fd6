"""The log of a worker: a line for every transition of a trial."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from sweeps.study.events import log


class _Lines(logging.FileHandler):
    """Makes its folder with the first line; a disk that refuses a line ends nothing, the study has the event."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line."""


@contextlib.contextmanager
def events_written_to(path: Path) -> Iterator[None]:
    """Write a line to the file for every transition that this process makes."""
    handler = _Lines(path, delay=True, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # the terminal is the display's
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
