"""Which open trials are run in one process with a trial that was claimed."""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sweeps.alike import Kinds
from sweeps.fusion import size_of
from sweeps.space import Point
from sweeps.study.records import Claim
from sweeps.study.study import Study

if TYPE_CHECKING:
    from sweeps.study.draws import Draws

_FEW = 64
"""Points that are composed, beside those of full groups, to tell how large a group is to be."""


class Mates:
    """Claims trials that may be fused.

    Args:
        study: The study.
        kinds: Says which of its points are alike.
        most: The largest group of trials like this point; asked once per kind.
    """

    def __init__(self, study: Study, kinds: Kinds, most: Callable[[Point], int]) -> None:
        self._study, self._kinds, self._most = study, kinds, most
        self._known: dict[str, int] = {}

    def look_ahead(self) -> None:
        """Find out how large a group of the first open trial may be: once it is claimed, it would wait for that."""
        for _, point in self._study.together.open(self._study.configuration)[:1]:
            self._largest(point)

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
        others = (pair for pair in self._study.together.open(self._study.configuration) if pair[0] != claim.number)
        alike = (number for number, point in others if self._kinds.are_alike(claim.point, point))
        found = list(itertools.islice(alike, _FEW + min(most, _FEW) * num_places))
        num_running = sum(self._kinds.are_alike(claim.point, each.point) for each in running)
        size = size_of(len(found) + 1 + num_running, num_places, most)
        claims = [claim]
        for number in found:
            if len(claims) >= size or (room is not None and len(claims) >= room):
                break
            if (taken := self._study.claim(claim.worker, draw, only=number)) is not None:  # else somebody else has it
                claims.append(taken)
        return claims

    def _largest(self, point: Point) -> int:
        kind = self._kinds.of(point)
        if kind not in self._known:
            self._known[kind] = self._most(point)
        return self._known[kind]
