"""Which rows of a metric are marked: the best, and those that are not told apart from it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sweeps.report.tables import Marks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sweeps.report.cells import Cells
    from sweeps.report.statistics.comparisons import Comparison

NO_DIRECTION = "nobody has declared whether more or less is better"
FEW_SEEDS = "a comparison needs two cells that lack no seed of at least three"


def marks(cells: "Cells", values: "pd.Series", direction: str | None) -> Marks:
    """The marks of a metric: within each data set by itself, among cells of at least three seeds that lack none.

    Where it is a mean of other metrics in some cells than in others, cells with the same are compared. Nothing is
    marked that swept numbers scale.

    Args:
        cells: The rows.
        values: The metric, one value per completed trial.
        direction: `max` or `min`; None: nothing is marked.
    """
    import numpy as np

    if direction is None:
        return Marks(why_none=NO_DIRECTION)
    if mapping := cells.trials.scaled_by(str(values.name)):
        return Marks(why_none=f"{mapping} varies, and scales it, so each row has another measure")
    matrix = cells.by_seed(values) if cells.has_replicates else np.empty((0, 0))
    found = list(_comparisons(cells, matrix, direction, str(values.name)))
    if not found:
        return Marks(why_none=FEW_SEEDS)
    return Marks(
        best=frozenset(int(row) for rows, each in found for row in rows[each.best]),
        same=frozenset(int(row) for rows, each in found for row in rows[each.same]),
        num_seeds=tuple(sorted({int(n) for _, each in found for n in each.n[np.isfinite(each.p)]})),
        shown=tuple(filter(None, (_smallest(each) for _, each in found))),
    )


def _comparisons(
    cells: "Cells", matrix: "np.ndarray", direction: str, name: str
) -> "Iterator[tuple[np.ndarray, Comparison]]":
    """Per data set the rows that can be compared, and what came of it."""
    import numpy as np

    from sweeps.report.statistics.comparisons import FEWEST_SEEDS, compared

    if matrix.shape[1] < FEWEST_SEEDS:
        return
    counts = np.isfinite(matrix).sum(axis=1)
    is_whole = (counts >= FEWEST_SEEDS) & (counts == np.array(cells.planned))
    kinds = cells.kinds(name)
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    groups = np.array([numbers[kind] for kind in kinds])
    for group in range(groups.max() + 1):
        rows = np.flatnonzero(is_whole & (groups == group))
        if len(rows) > 1:
            yield rows, compared(matrix[rows], direction)


def _smallest(found: "Comparison") -> float | None:
    """The smallest difference that the first step of the correction would have told apart, of the median cell."""
    import numpy as np

    from sweeps.report.statistics.comparisons import ALPHA, detectable

    is_compared = np.isfinite(found.p)
    if not is_compared.any():
        return None
    n = int(np.median(found.n[is_compared]))
    return detectable(n, ALPHA / int(is_compared.sum())) * float(np.median(found.sd[is_compared])) or None
