"""Those who learn what a worker does: the display, and the tracking server's uploader."""

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from sweeps.errors import StorageLost, first_line
from sweeps.study.records import Notice


class Observer(Protocol):
    """Learns what a worker does."""

    def notice(self, notice: Notice) -> None: ...

    def tick(self) -> None:
        """Called about once a second."""
        ...


class Observers:
    """The observers of a worker. One that fails is dropped with one line, and training goes on.

    Args:
        observers: Told in this order.
        on_broken_pipe: Called when nobody reads the output any more, as with `| head`.
    """

    def __init__(self, observers: Sequence[Observer], on_broken_pipe: Callable[[], None]) -> None:
        self._observers, self._on_broken_pipe = list(observers), on_broken_pipe

    def notice(self, notice: Notice) -> None:
        self._each(lambda observer: observer.notice(notice))

    def tick(self) -> None:
        self._each(lambda observer: observer.tick())

    def _each(self, look: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            try:
                look(observer)
            except StorageLost:
                raise  # the study itself is gone
            except BrokenPipeError:
                self._on_broken_pipe()
            # Whatever else a display or a tracker raises: the trials are none of its business.
            except Exception as error:
                self._observers.remove(observer)
                what = f"{type(observer).__name__} has failed and shows nothing more"
                sys.stderr.write(f"Warning: {what} ({first_line(error)}). Training goes on.\n")
