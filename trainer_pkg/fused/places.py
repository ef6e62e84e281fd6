"""The place of a trial among those that it shares its process with, and what the process holds for it alone."""

import os
import signal
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from trainer_pkg.random_states import rng_states, set_rng_states

Work = Callable[[Sequence[Any]], Sequence[Any]]


class Trial(Protocol):
    """The handle of a trial."""

    @property
    def should_prune(self) -> bool:
        """Whether the trial should stop."""
        ...

    def progress(self, done: float | None = None) -> None:
        """Say that the trial is not stuck."""
        ...


class Seat(Protocol):
    """Where a trial meets the others; whoever runs the trials gives it.

    Attributes:
        trial: The trial's handle.
    """

    trial: Trial

    def meet(self, at: Any, payload: Any, work: Work) -> Any:
        """Wait for the others, then give the result that `work` has for this payload."""
        ...

    def keep(self, save: Callable[[], Any], restore: Callable[[Any], None]) -> None:
        """Keep a state of the process apart for this trial."""
        ...


class Place:
    """The seat of a trial, and its state of the process: random numbers, the seed for others, the handler of SIGTERM.

    Args:
        seat: The seat.

    Attributes:
        seat: The same.
        draws: The states of the random number generators while the trial waits.
        on_sigterm: The trial's handler of SIGTERM while it waits.
    """

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.draws: dict[str, Any] = {}
        self.on_sigterm: Any = None
        self._seed: str | None = None
        seat.keep(self._save, self._restore)

    def _save(self) -> None:
        self.draws = rng_states()
        self.on_sigterm = signal.getsignal(signal.SIGTERM)
        self._seed = os.environ.get("PL_GLOBAL_SEED")

    def _restore(self, _: Any) -> None:
        set_rng_states(self.draws)
        signal.signal(signal.SIGTERM, self.on_sigterm)
        os.environ.pop("PL_GLOBAL_SEED", None)
        if self._seed is not None:
            os.environ["PL_GLOBAL_SEED"] = self._seed


_place: ContextVar[Place | None] = ContextVar("place", default=None)
_found: Any = None
"""The handler of SIGTERM as the first trial of the process has found it."""


def take(seat: Seat) -> None:
    """Say that the trial of this context has others beside it; it finds the process as the first of them."""
    global _found
    if _found is None:
        _found = signal.getsignal(signal.SIGTERM)
    else:
        signal.signal(signal.SIGTERM, _found)
    _place.set(Place(seat))


def taken() -> Place | None:
    """The place of the trial that runs now; None: it is alone."""
    return _place.get()
