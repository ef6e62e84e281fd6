"""What the application beside it says of trials that share a process. It is a module of its own: a constructor is."""

import contextvars
from collections.abc import Sequence
from typing import Any

from sweeps.fusion import Capacity

SEAT: contextvars.ContextVar[Any] = contextvars.ContextVar("seat", default=None)


class Squares:
    """Trials that differ in numbers of some keys meet after each step."""

    differing = ("x", "sleep_s")
    apart = {"x": (100,)}  # noqa: RUF012

    def capacity(self, config: Any, device: str) -> Capacity:
        if config.kind == "broken":
            raise KeyError("no such kind")
        if config.kind == "number":
            return 5  # type: ignore[return-value]
        if config.kind == "alone":
            return Capacity(most=1, why="kind=alone cannot be fused")
        return Capacity(most=6, pays=3)

    def join(self, config: Any, seat: Any) -> None:
        SEAT.set(seat)


def squared(numbers: Sequence[float]) -> list[Any]:
    """The squares; where 13 is among them, the work of all fails."""
    print(f"{len(numbers)} together", flush=True)
    if 13 in numbers and len(numbers) > 1:
        raise RuntimeError("13 brings bad luck")
    return [number**2 if number != 17 else ValueError("17 is not wanted") for number in numbers]
