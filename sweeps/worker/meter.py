"""How long the trials of a worker have held cores and GPUs."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sweeps.worker.placement import Place


@dataclass(slots=True, kw_only=True)
class Used:
    """What trials have used, in seconds.

    Attributes:
        worked_s: Time in which any trial has run.
        core_s: Time that trials have held a core, summed over the cores.
        gpu_s: The same of GPUs; a trial that shares one holds its part.
    """

    worked_s: float = 0.0
    core_s: float = 0.0
    gpu_s: float = 0.0


class Meter:
    """Adds up what is used between two calls."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self.used = Used()

    def advance(self, held: Iterable[Place]) -> None:
        """Count the time since the last call: in all of it these places were held, and no others."""
        now = time.monotonic()
        elapsed_s, self._at = now - self._at, now
        places = list(held)
        self.used.worked_s += elapsed_s * bool(places)
        self.used.core_s += elapsed_s * sum(place.threads for place in places)
        self.used.gpu_s += elapsed_s * sum(place.share for place in places if place.device is not None)

    def take(self) -> Used:
        """What was counted since this was called last."""
        used, self.used = self.used, Used()
        return used
