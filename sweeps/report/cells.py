"""The cells of a table: trials that differ by their seed alone, in the order of the table's rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sweeps.report.frame import Trials

DATA = ("data", "dataset", "datamodule")
"""First parts of the keys that choose a data set."""
"""How the group is called that chooses a data set. Results on two of them are never compared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Cells that have an ended trial, in the order of the rows.

    Attributes:
        trials: All trials of these cells.
        first: The first trial of each cell.
        done: The completed trials.
        codes: The row of each completed trial.
        planned: Trials per cell, whatever became of them.
        completed: Completed ones per cell.
        groups: Data set per cell, counted from 0 in the order of the rows.
        keys: What the cells differ in, the data set first.
    """

    trials: "Trials"
    first: "Trials"
    done: "Trials"
    codes: "NDArray[Any]"
    planned: tuple[int, ...]
    completed: tuple[int, ...]
    groups: tuple[int, ...]
    keys: tuple[str, ...]

    @property
    def has_replicates(self) -> bool:
        return max(self.completed) > 1

    def kinds(self, name: str) -> list[tuple[int, frozenset[str]]]:
        """Per cell what it can be compared in: its data set, and which metrics an objective or metric is a mean of.

        Args:
            name: The objective or metric.
        """
        recorded = {part: self.grouped(self.done.metrics[part]).count() for part in self._parts(name)}
        return [
            (group, frozenset(part for part, counts in recorded.items() if counts.get(row, 0)))
            for row, group in enumerate(self.groups)
        ]

    def _parts(self, name: str) -> list[str]:
        return [part for part in self.done.means.get(name, ()) if part in self.done.metrics]

    def grouped(self, values: "pd.Series") -> Any:
        """Values of the completed trials, cell by cell."""
        return values.groupby(self.codes)

    def per_cell(self, values: "pd.Series", missing: float = math.nan) -> "pd.Series":
        """One value per cell; of cells without a completed trial there is none."""
        return values.reindex(range(len(self.planned)), fill_value=missing)

    def by_seed(self, values: "pd.Series") -> "NDArray[np.floating[Any]]":
        """(cells, seeds): the values of the completed trials; NaN where there is none."""
        import numpy as np
        import pandas as pd

        seeds, found = pd.factorize(self.done.seeds)
        made = np.full((len(self.planned), len(found)), np.nan)
        made[self.codes, seeds] = values.to_numpy(dtype=float)
        return made


def data_keys(varied: Sequence[str]) -> list[str]:
    """The keys that choose the data set, or its labels: groups such as `data` and `data/labels`."""
    return [key for key in varied if "." not in key and key.lstrip("+").split("/")[0] in DATA]


def cells_of(trials: "Trials") -> Cells | None:
    """The cells of a table; None where no trial has ended."""
    import numpy as np
    import pandas as pd

    has_ended = trials.own["state"].isin(("completed", "failed", "pruned"))
    shown = has_ended.groupby(trials.cells).transform("any")
    if not shown.any():
        return None
    of_data = data_keys(trials.varied)
    ordered = _ordered(trials.chosen(trials.own.index[shown]), of_data)
    rows, labels = pd.factorize(ordered.cells)
    is_done = (ordered.own["state"] == "completed").to_numpy()
    first = ordered.chosen(ordered.own.index[np.unique(rows, return_index=True)[1]])
    return Cells(
        trials=ordered,
        first=first,
        done=ordered.chosen(ordered.own.index[is_done]),
        codes=rows[is_done],
        planned=tuple(np.bincount(rows, minlength=len(labels)).tolist()),
        completed=tuple(np.bincount(rows[is_done], minlength=len(labels)).tolist()),
        groups=tuple(_data_sets(first, of_data).tolist()),
        keys=(*of_data, *(key for key in trials.varied if key not in of_data)),
    )


def _ordered(trials: "Trials", of_data: Sequence[str]) -> "Trials":
    """Data set by data set; drawn cells by the mean of their first objective, those of a grid in its order."""
    if trials.is_drawn and not trials.objectives.empty:
        name = trials.objectives.columns[0]
        means = trials.objectives[name].groupby(trials.cells).transform("mean")
        is_ascending = trials.directions.get(name) != "max"
        trials = trials.chosen(means.sort_values(ascending=is_ascending, kind="stable").index)
    if not of_data:
        return trials
    return trials.chosen(trials.own.index[_data_sets(trials, of_data).argsort(kind="stable")])


def _data_sets(trials: "Trials", of_data: Sequence[str]) -> "NDArray[Any]":
    """The data set of each trial as a number."""
    import numpy as np
    import pandas as pd

    if not of_data:
        return np.zeros(len(trials.own), dtype=int)
    return pd.factorize(trials.overrides[list(of_data)].map(str).agg("\0".join, axis=1))[0]
