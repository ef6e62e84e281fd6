"""All that pictures are made of: the trials of one study or of several, and where their journals are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sweeps.report.averages import CellMeans, best_first, cell_means
from sweeps.report.compared import check_comparable, joined
from sweeps.report.courses import Course, courses
from sweeps.report.figures.style import MAX_SERIES
from sweeps.report.frame import Trials, trial_frame
from sweeps.report.measures import comparable
from sweeps.report.tables import metric_names
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles

_MAX_SEEDS = 10
"""Journals that are read of one cell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """What is known of studies.

    Attributes:
        studies: One, or several of the same objectives.
        trials: Their trials, one row each.
        files: Per study a folder that has the journals of `followed`.
        metrics: What the user has asked to see; empty: what tells most.
    """

    studies: tuple[Study, ...]
    trials: Trials
    files: tuple[StudyFiles, ...]
    metrics: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> list[tuple[int, TrialRow]]:
        """Each trial with the position of its study, in the order of the frame."""
        return rows_of(self.studies)

    @cached_property
    def cells(self) -> CellMeans:
        """The cells that have a result."""
        return cell_means(self.trials)

    @cached_property
    def shown(self) -> list[str]:
        """The metrics that pictures show."""
        return list(self.metrics) or metric_names(self.trials.completed())

    @cached_property
    def courses(self) -> list[Course]:
        """How metrics went on in the cells whose trials are followed."""
        paths: dict[str, list[Path]] = {}
        for name, (i, number) in followed(self.trials, self.cells, self.rows):
            paths.setdefault(name, []).append(self.files[i].trial(number).journal)
        return courses(paths, [str(name) for name in self.trials.objectives])

    @cached_property
    def importances(self) -> Mapping[str, Mapping[str, float]]:
        """Objective to the share of each key; of one study alone."""
        if self.studies[1:]:
            return {}
        study = self.studies[0]
        return study.importances(comparable(study, study.current_trials()))


def rows_of(studies: Sequence[Study]) -> list[tuple[int, TrialRow]]:
    """Each trial with the position of its study, in the order of the frame."""
    return [(i, trial) for i, study in enumerate(studies) for trial in study.current_trials()]


def trials_of(studies: Sequence[Study]) -> Trials:
    """The trials of one study, or of several together.

    Raises:
        StudyError: Several studies want different things.
    """
    if len(studies) == 1:
        return trial_frame(studies[0])
    check_comparable(studies)
    return joined(studies, [study.current_trials() for study in studies])


def followed(
    trials: Trials, cells: CellMeans, rows: Sequence[tuple[int, TrialRow]]
) -> list[tuple[str, tuple[int, int]]]:
    """Name of the cell, position of the study, and number of each trial whose journal is read.

    Those of the best cells, as many as a picture has lines: reading ten thousand journals would take minutes.
    """
    best = best_first(trials, cells)[:MAX_SERIES]
    names = {cells.labels[row]: cells.names[row] for row in sorted(best)}
    found: dict[str, list[tuple[int, int]]] = {label: [] for label in names}
    for label, state, (i, trial) in zip(trials.cells, trials.own["state"], rows, strict=True):
        if state == "completed" and label in found and len(found[label]) < _MAX_SEEDS:
            found[label].append((i, trial.number))
    return [(names[label], one) for label, some in found.items() for one in some]
