"""Which open trials are run in one process with a trial that was claimed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sweeps.fusion import Fusion, kind_of, size_of
from sweeps.space import Point
from sweeps.study.records import Claim
from sweeps.study.study import Study

if TYPE_CHECKING:
    from sweeps.study.draws import Draws


class Mates:
    """Claims trials that may be fused.

    Args:
        study: The study.
        fusion: What the application says of it.
        most: The largest group of trials like this point; asked once per kind.
    """

    def __init__(self, study: Study, fusion: Fusion, most: Callable[[Point], int]) -> None:
        self._study, self._fusion, self._most = study, fusion, most
        self._known: dict[str, int] = {}

    def of(
        self, claim: Claim, draw: "Draws | None", num_places: int, running: Sequence[Claim], room: int | None
    ) -> list[Claim]:
        """The claim, and those of the trials that are run with it.

        Args:
            claim: A trial that this worker holds.
            draw: As in `Study.claim`.
            num_places: Places of the worker: each is to have its part of trials that are alike.
            running: What the worker runs already.
            room: How many trials may be started, with this one; None: any number.
        """
        most = self._largest(claim.point)
        if most < 2 or not self._study.together.has(claim):
            return [claim]
        kind = kind_of(claim.point.overrides, self._fusion)
        alike = [
            number
            for number, point in self._study.together.open(self._study.configuration)
            if kind_of(point.overrides, self._fusion) == kind and number != claim.number
        ]
        num_running = sum(kind_of(each.point.overrides, self._fusion) == kind for each in running)
        size = size_of(len(alike) + 1 + num_running, num_places, most)
        claims = [claim]
        for number in alike:
            if len(claims) >= size or (room is not None and len(claims) >= room):
                break
            if (found := self._study.claim(claim.worker, draw, only=number)) is not None:  # else somebody else has it
                claims.append(found)
        return claims

    def _largest(self, point: Point) -> int:
        kind = kind_of(point.overrides, self._fusion)
        if kind not in self._known:
            self._known[kind] = self._most(point)
        return self._known[kind]
