"""Pictures of the best trial alone: which answer it gave for which truth."""

from collections.abc import Iterator
from functools import partial

from sweeps.report.best import winners
from sweeps.report.confusions import Confusion, confusions_of
from sweeps.report.figures.matrix import shown_cells, squares
from sweeps.report.findings import Findings
from sweeps.report.panels.panel import Panel
from sweeps.study.records import TrialRow


def confusion_panels(findings: Findings) -> Iterator[Panel]:
    """A picture per table that the best trial of each study has left."""
    for i, study in enumerate(findings.studies):
        trials = [trial for position, trial in findings.rows if position == i]
        for trial in winners(study, trials)[:1]:
            of = f" of {study.name}" if findings.studies[1:] else ""
            for found in confusions_of(study, trial):
                if not findings.metrics or found.metric in findings.metrics:
                    yield _panel(found, trial, of)


def _panel(found: Confusion, trial: TrialRow, of: str) -> Panel:
    num_shown = len(shown_cells(found.counts))
    num_all = sum(count > 0 for row in found.counts for count in row)
    left = f" The {num_shown:,} largest shares of {num_all:,} are drawn." if num_shown < num_all else ""
    return Panel(
        name=f"{found.name}, trial {trial.number}{of}",
        metric=found.metric,
        key=found.name,
        note=f"{sum(map(sum, found.counts)):,} samples.{left}",
        draw=partial(squares, found.counts, found.classes, found.name),
    )
