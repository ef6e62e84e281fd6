"""Views of an experiment's table and charts, in the form in which MLflow's pages keep those that users share.

The form is none of MLflow's public interfaces. It was read from the pages of 3.17; a browser test looks at the result.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sweeps.tracking.cards import BEST, Tag, swept

TAG = "mlflow.sharedViewState."
"""Front of the experiment's tags that hold a view each; the rest is the view's id."""

WORKFLOW = "workflowType=machine_learning"
"""In an address: the pages are those of training, not those of language models."""

MAX_VIEWS = 30
"""The pages offer no more than 40."""

_FIRST, _LAST = (3, 15), (4, 0)
_NARROWEST, _WIDEST = 100, 300
_MAX_COLUMNS, _MAX_NUMBERS, _MAX_BARS = 8, 4, 12
_LOW = 250
"""Pixels of a chart of which the first screen holds four."""


def is_understood(version: str) -> bool:
    """Whether the pages of this version of MLflow know such views."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and _FIRST <= (int(found[1]), int(found[2])) < _LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """Runs of the experiment, best first.

    Attributes:
        id: What a link names it by.
        name: What the pages call it.
        filter: Which runs.
        metrics: Columns of metrics; the first one sorts.
        maximize: Whether more of it is better.
        params: Columns of parameters.
        tags: Columns of tags, which come first.
        by_date: Whether the newest come first instead.
        charts: Sections of charts: heading to cards.
    """

    id: str
    name: str
    filter: str
    metrics: Sequence[str]
    maximize: bool = False
    params: Sequence[str] = ()
    tags: Sequence[str] = ()
    by_date: bool = False
    charts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None

    def key(self) -> str:
        """The query of a link to it."""
        return f"viewStateShareKey={self.id}&{WORKFLOW}"

    def plain(self) -> str:
        """The query of a link that needs no kept view: the same rows in the same order."""
        order = "true" if not self.maximize else "false"
        return f"searchFilter={quote(self.filter)}&orderByKey={quote(self._order())}&orderByAsc={order}&{WORKFLOW}"

    def state(self) -> dict[str, Any]:
        """What the pages keep of it."""
        columns = [_column("tags", name) for name in self.tags]
        columns += [_column("metrics", name) for name in self.metrics]
        columns += [_column("params", name) for name in self.params]
        sections = list(self.charts or {})
        return {
            "searchFilter": self.filter,
            "orderByKey": self._order(),
            "orderByAsc": not self.maximize,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "datasetsFilter": [],
            "modelVersionFilter": "All Runs",
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": {name: _width(name) for name in columns},
            "runsHiddenMode": "SHOW_ALL",
            "isAccordionReordered": True,  # else the pages sort the sections by name
            "hideEmptyCharts": True,
            "autoRefreshEnabled": True,
            "groupBy": None,
            "compareRunSections": [_section(number, name) for number, name in enumerate(sections)] or None,
            "compareRunCharts": [
                {**card, "uuid": f"{self.id}-{number}-{i}", "metricSectionId": f"section-{number}"}
                for number, name in enumerate(sections)
                for i, card in enumerate((self.charts or {})[name])
            ]
            or None,
        }

    def _order(self) -> str:
        return "attributes.start_time" if self.by_date or not self.metrics else _column("metrics", self.metrics[0])


def of_study(
    key: str,
    name: str,
    objectives: Mapping[str, str],
    varied: Sequence[str],
    numbers: Sequence[str],
    curve: str | None,
    by_epoch: bool,
    single: Sequence[str],
    has_earlier: bool = False,
    has_roles: bool = False,
) -> SavedView:
    """The trials of a study, best first, with what was swept, and charts that compare them.

    Args:
        key: The study's key.
        name: Its name.
        objectives: Name to `minimize` or `maximize`.
        varied: Keys in which its cells differ.
        numbers: Those of them that hold numbers.
        curve: The metric whose course belongs to the first objective; None where there is none.
        by_epoch: Whether there is a metric `epoch` to draw it over.
        single: Metrics with one value per trial, such as those of a test.
        has_earlier: Whether some trials are of an earlier configuration; they are left out.
        has_roles: Whether points of it have a role.
    """
    runs = f"tags.`{Tag.STUDY_KEY}` = '{key}' and tags.`{Tag.ROLE}` = 'trial'"
    best = [BEST + objective for objective in objectives]
    params = [each.lstrip("+~") for each in varied][:_MAX_COLUMNS]
    charts: dict[str, list[dict[str, Any]]] = {}
    if best:
        over = [_scatter(swept(number), best[0]) for number in numbers[:_MAX_NUMBERS]]
        course = [_line(curve, by_epoch)] if curve else []
        charts[f"{next(iter(objectives))} of all trials"] = [_parallel(params, best), *course, *over]
    bars = [_bar(metric) for metric in [*best, *single][:_MAX_BARS]]
    if bars:
        charts["One value per trial"] = bars
    return SavedView(
        id=id_of(key),
        name=name,
        filter=f"{runs} and tags.{Tag.CONFIGURATION} = 'today'" if has_earlier else runs,
        metrics=best,
        maximize=next(iter(objectives.values()), "minimize") == "maximize",
        params=params,
        tags=(Tag.POINT_ROLE,) if has_roles else (),
        charts=charts,
    )


def id_of(key: str) -> str:
    """The id of the view of a study's trials."""
    return f"sweeps-{key}"


def of_studies() -> SavedView:
    """All studies of the experiment, with their sizes and what they cost; the newest first."""
    return SavedView(
        id="sweeps-studies",
        name="studies",
        filter=f"tags.`{Tag.ROLE}` = 'study'",
        metrics=(f"{BEST}objective", "trials/completed", "cost/seconds", "trials/failed", "trials/open"),
        maximize=True,
        by_date=True,
        params=("objective", "direction"),
    )


def _width(column: str) -> int:
    """Pixels in which a heading is read whole, as far as there is room."""
    return min(_WIDEST, max(_NARROWEST, 8 * len(column.partition(".")[2]) + 30))


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _section(number: int, name: str) -> dict[str, Any]:
    kept = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    size = {"columns": 2, "cardHeight": _LOW} if number == 0 else {"columns": 3}
    return {"uuid": f"section-{number}", "name": name, **size, **kept}


def _card(kind: str, **options: Any) -> dict[str, Any]:
    return {"type": kind, "deleted": False, "isGenerated": False, "runsCountToCompare": 1000, **options}


def _parallel(params: Sequence[str], metrics: Sequence[str]) -> dict[str, Any]:
    return _card("PARALLEL", selectedParams=list(params), selectedMetrics=list(metrics), showAllRuns=True)


def _scatter(x: str, y: str) -> dict[str, Any]:
    return _card("SCATTER", xaxis={"key": x, "type": "METRIC"}, yaxis={"key": y, "type": "METRIC"})


def _bar(metric: str) -> dict[str, Any]:
    return _card("BAR", metricKey=metric, displayName=metric)


def _line(metric: str, by_epoch: bool) -> dict[str, Any]:
    return _card(
        "LINE",
        metricKey=metric,
        selectedMetricKeys=[metric],
        displayName=metric,
        xAxisKey="metric" if by_epoch else "step",
        selectedXAxisMetricKey="epoch" if by_epoch else "",
        useGlobalXaxisKey=False,
        useGlobalLineSmoothing=True,
        lineSmoothness=0,
        scaleType="linear",
        xAxisScaleType="linear",
        range={},
        yAxisKey="metric",
        yAxisExpressions=[],
        ignoreOutliers=False,
    )
