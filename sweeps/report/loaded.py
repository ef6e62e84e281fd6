"""A study in Python: `sweeps.load_study("NAME")`, for scripts and notebooks."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.errors import StudyError
from sweeps.report.arranged import Arrangement
from sweeps.report.asked import Asked, Looked, check_format, format_of, table_of, write
from sweeps.report.best import checkpoint_of, leaders, record, without_value
from sweeps.report.export import EXPORTS
from sweeps.report.frame import trial_frame
from sweeps.report.markup import to_fragment
from sweeps.report.opened import open_study
from sweeps.report.plain import in_columns, printed
from sweeps.report.structured import to_frame
from sweeps.report.tables import Table
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles

if TYPE_CHECKING:
    import pandas as pd


def load_study(name: str, storage: str | Path | None = None) -> "LoadedStudy":
    """A study to look at.

    >>> study = sweeps.load_study("demo")  # doctest: +SKIP
    >>> study.table(rows=["model"], cols=["data"], metrics=["test/acc"])  # doctest: +SKIP

    Args:
        name: Its name, as `sweeps list` shows it.
        storage: Optuna storage URL, or the folder of the studies; None: SWEEPS_STORAGE, else logs/studies.

    Raises:
        StudyError: There is no such study.
    """
    return LoadedStudy(open_study(name, None if storage is None else str(storage)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BestTrial:
    """A trial that no other one beats.

    Attributes:
        trial: Its number.
        values: Objective to value.
        params: What the sweep varies, with the trial's values.
        overrides: Its overrides, as they are typed.
        command: The line that runs it again.
        directory: Where it left its files.
        checkpoint: Its best checkpoint there, else the newest; None where this machine has none.
    """

    trial: int
    values: Mapping[str, float]
    params: Mapping[str, Any]
    overrides: Sequence[str]
    command: str
    directory: str
    checkpoint: Path | None


class LoadedStudy:
    """What `load_study` gives; each call reads the study anew.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def name(self) -> str:
        return self._study.name

    def frame(self) -> "pd.DataFrame":
        """One row per trial, with the columns that docs/tables.md lists."""
        return trial_frame(self._study).flat()

    def table(
        self,
        *,
        rows: Sequence[str] = (),
        cols: Sequence[str] = (),
        metrics: Sequence[str] = (),
        where: Sequence[str] = (),
        sort: str | None = None,
        top: int | None = None,
        names: Mapping[str, str] | None = None,
        **further: Any,
    ) -> "Benchmark":
        """The benchmark table; arguments are the options of `sweeps table`.

        Args:
            rows: Keys that name the rows.
            cols: Keys whose values become columns.
            metrics: Names of metrics.
            where: `KEY=VALUE` each.
            sort: Column to sort by; with a minus the other way round.
            top: How many rows.
            names: Heading, or value of a key, to the text that is shown instead.
            further: `spread`, `has_seconds`, `caption`, `label`.

        Raises:
            StudyError: Something asked for is not there.
        """
        arrangement = Arrangement(rows=tuple(rows), cols=tuple(cols), sort=sort, top=top, names=names)
        asked = Asked(metrics=list(metrics), where=list(where), arrangement=arrangement, **further)
        return Benchmark(table_of(Looked.at([self._study]), asked))

    def best(self) -> tuple[BestTrial, ...]:
        """The best trial, with replicates that of the best cell; with several objectives the Pareto set.

        Raises:
            StudyError: No trial has a value.
        """
        trials = self._study.current_trials()
        found = leaders(self._study, trials)
        if not found:
            raise StudyError(without_value(self._study, trials))
        files = StudyFiles(Path(self._study.facts.get("directory", ".")))
        told = [record(self._study, trial, files) for trial in found]
        return tuple(BestTrial(**each, checkpoint=checkpoint_of(Path(each["directory"]))) for each in told)

    def __repr__(self) -> str:
        counts = self._study.counts()
        return f"<study {self.name}: {counts['done']} of {sum(counts.values())} trials done>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class Benchmark:
    """A table as text, as a frame, in a file, or in a notebook.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentences below it."""
        return self.table.notes

    def frame(self) -> "pd.DataFrame":
        """Its columns, with types: means as numbers, spreads in columns `NAME ±`."""
        return to_frame(self.table)

    def to(self, format: str) -> str | bytes:
        """The content of a file of a format; Parquet is bytes.

        Raises:
            StudyError: There is no such format.
        """
        check_format(format, is_of_trials=False)
        return EXPORTS[format].render(self.table)

    def save(self, path: str | Path) -> None:
        """Write the file whose name says the format.

        Raises:
            StudyError: The name ends like no format, or nothing may be written there.
        """
        format = format_of(None, Path(path)) or "md"
        write(Path(path), EXPORTS[format].data(self.table))

    def __str__(self) -> str:
        return in_columns(self.table)

    def __repr__(self) -> str:
        return printed(self.table) if sys.stdout.isatty() else str(self)

    def _repr_html_(self) -> str:
        return to_fragment(self.table)
