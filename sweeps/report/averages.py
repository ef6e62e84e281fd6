"""The cells of a study for pictures: means, short names, and which key tells the lines of a picture apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.report.frame import Trials
from sweeps.report.measures import most_told
from sweeps.report.statistics.summaries import summarise
from sweeps.report.tables import is_missing

if TYPE_CHECKING:
    import pandas as pd

_TOO_LARGE = 1e100
_FEWEST_FOR_INTERVAL = 3
"""The interval of two values is nine standard deviations wide on each side: a band that says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellMeans:
    """The cells that have a completed trial, in the order in which they come first.

    Attributes:
        labels: What `Trials.cells` calls each.
        names: Each in a few words: the keys that vary, by short names.
        keys: A row per cell, a column per varied key.
        means: A row per cell: the mean of each objective and metric over the completed trials.
        sizes: How many of them there are.
        roles: What each is in its study, such as `baseline`; empty texts where nobody says it.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    keys: "pd.DataFrame"
    means: "pd.DataFrame"
    sizes: tuple[int, ...]
    roles: tuple[str, ...]


def values_of(trials: Trials) -> "pd.DataFrame":
    """A row per trial: objectives, and metrics whose name no objective has."""
    import pandas as pd

    others = trials.metrics.loc[:, [name for name in trials.metrics if name not in trials.objectives]]
    return pd.concat([trials.objectives, others], axis=1)


def cell_means(trials: Trials) -> CellMeans:
    """The cells of these trials."""
    done = trials.completed()
    first = done.overrides.loc[~done.cells.duplicated(), list(done.varied)]
    grouped = values_of(done).groupby(done.cells, sort=False)
    labels = tuple(dict.fromkeys(done.cells))
    short = short_names(done.varied)
    roles = done.own["role"][~done.cells.duplicated()].tolist() if "role" in done.own else [""] * len(labels)
    rows = [dict(zip(done.varied, row, strict=True)) for row in first.itertuples(index=False, name=None)]
    return CellMeans(
        labels=labels,
        names=tuple(name_of(row, short) for row in rows),
        keys=first.reset_index(drop=True),
        means=grouped.mean().reset_index(drop=True),
        sizes=tuple(int(size) for size in grouped.size()),
        roles=tuple(roles),
    )


def best_first(trials: Trials, cells: CellMeans) -> list[int]:
    """Rows of the cells, those with the best mean of the first objective first; without one as they come.

    Cells that lack results of seeds come last: one lucky seed is not to beat the mean of three. Behind them
    come cells whose objective is a mean of other metrics than that of most.
    """
    if trials.objectives.empty or not len(trials.objectives.columns):
        return list(range(len(cells.labels)))
    name = trials.objectives.columns[0]
    sign = -1.0 if trials.directions.get(name) == "max" else 1.0
    costs = [sign * value if math.isfinite(value) else math.inf for value in cells.means[name]]
    most = max(cells.sizes, default=0)
    known = {part: cells.means[part].notna() for part in trials.means.get(str(name), ()) if part in cells.means}
    parts = [frozenset(part for part, is_known in known.items() if is_known[row]) for row in range(len(costs))]
    told = most_told(parts)
    return sorted(range(len(costs)), key=lambda row: (parts[row] != told, cells.sizes[row] < most, costs[row]))


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Key to the last parts of it that no other key ends in: `model.loss_weights.thickness` is `thickness`."""
    parts = {key: key.lstrip("+").replace("/", ".").split(".") for key in keys}
    made: dict[str, str] = {}
    for key, own in parts.items():
        others = [other for other_key, other in parts.items() if other_key != key]
        num = next((n for n in range(1, len(own) + 1) if all(other[-n:] != own[-n:] for other in others)), None)
        made[key] = key if num is None else ".".join(own[-num:])
    return made


def name_of(values: Mapping[str, Any], short: Mapping[str, str]) -> str:
    """A cell in a few words, such as `model=cnn thickness=0.5`; keys that it lacks are left out."""
    told = [f"{short[key]}={text_of(value)}" for key, value in values.items() if not is_missing(value)]
    return " ".join(told) or "all"


def name_in(short: Mapping[str, str], key: str, value: Any) -> str:
    """One key of a cell as the name of a line or of a cloud; that a cell lacks it is a name, too."""
    return f"no {short[key]}" if is_missing(value) else f"{short[key]}={text_of(value)}"


def text_of(value: Any) -> str:
    """A value as a label: numbers that a sampler drew with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_number(value: Any) -> bool:
    """Whether it has a place on an axis; on one of numbers of a hundred digits nothing can be told apart."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE


def numeric_keys(trials: Trials) -> list[str]:
    """Varied keys with two numbers or more."""
    return [key for key in trials.varied if len({v for v in trials.overrides[key] if is_number(v)}) > 1]


def key_of_lines(trials: Trials, most: int, without: str = "") -> str | None:
    """The key whose values are the lines of a picture: names rather than numbers, at most so many; None where none is.

    Args:
        trials: The trials.
        most: Lines that a picture can have.
        without: The key that is an axis of the picture.
    """
    counts = {key: len({text_of(v) for v in trials.overrides[key]}) for key in trials.varied if key != without}
    fitting = [key for key, count in counts.items() if 1 < count <= most]
    numbers = set(numeric_keys(trials))
    return next((key for key in fitting if key not in numbers), next(iter(fitting), None))


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of values with the ends of its 95 % t interval; NaN for the ends of fewer than three."""
    found = summarise(values)
    half = math.nan if found.half_width is None or found.n < _FEWEST_FOR_INTERVAL else found.half_width
    return found.mean, found.mean - half, found.mean + half
