"""Which trials of a study may share a process with others."""

from sweeps.space import Point
from sweeps.study.additions import is_of
from sweeps.study.ledger import Ledger
from sweeps.study.records import Claim, point_of
from sweeps.study.schema import rows


class Together:
    """Trials that have never failed, neither alone nor with others; the others are run alone.

    Args:
        ledger: The rows.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def open(self, configuration: int | None) -> list[tuple[int, Point]]:
        """Number and point of those that are open and have a point.

        Args:
            configuration: The configuration whose trials count; None: all.
        """
        found = self._ledger.rows(rows.c.state == "open", rows.c.retries == 0, is_of(configuration))
        apart = self._ledger.history.set_apart() if found else set()
        points = ((row.number, point_of(row)) for row in found if row.number not in apart)
        return [(number, point) for number, point in points if point is not None]

    def has(self, claim: Claim) -> bool:
        """Whether a trial that was claimed is one of them."""
        return claim.attempt == 1 or not (claim.retries or claim.number in self._ledger.history.set_apart())
