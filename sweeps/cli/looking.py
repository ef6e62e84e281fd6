"""Commands that look at studies."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.options import (
    Caption,
    Cols,
    EachTrial,
    Format,
    FromMlflow,
    Label,
    Metric,
    Name,
    Names,
    NewName,
    Out,
    Rows,
    Seconds,
    Sort,
    SpreadOf,
    Storage,
    Top,
    Tracking,
    Where,
)

if TYPE_CHECKING:
    from sweeps.report.asked import Asked, Source
    from sweeps.report.tables import Table
    from sweeps.study.study import Study


def list_studies(storage: Storage = None) -> None:
    """The studies of a storage and how far they are."""
    from sweeps.report.overview import studies_listing

    print(studies_listing(storage))


def show(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial: what happened to it, and why.")] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="What its configuration files say otherwise than those of today.")
    ] = False,
    storage: Storage = None,
) -> None:
    """Every trial of a study: state, attempts, result or cause of failure; or the story of one trial."""
    from sweeps.report.listing import story, trials_listing
    from sweeps.report.opened import open_study

    study = open_study(name, storage)
    if diff:
        from sweeps.report.differing import differing_lines

        print("\n".join(differing_lines(study)))
        return
    print(trials_listing(study) if trial is None else story(study, trial))


def watch(name: Name, storage: Storage = None) -> None:
    """Show a study that runs elsewhere, live, until it ends; in a pipe a line per trial."""
    from sweeps.display import watch as show_live
    from sweeps.report.opened import open_study

    # Not as a view: that of a SQLite file is how the file was when it was opened.
    show_live(open_study(name, storage, is_view=False))


def table(
    names: Names,
    format: Format = None,
    out: Out = None,
    metric: Metric = None,
    rows: Rows = None,
    cols: Cols = None,
    where: Where = None,
    spread: SpreadOf = "sd",
    sort: Sort = None,
    top: Top = None,
    name: NewName = None,
    caption: Caption = None,
    label: Label = "",
    seconds: Seconds = False,
    trials: EachTrial = False,
    storage: Storage = None,
    from_mlflow: FromMlflow = None,
) -> None:
    """The benchmark table of a study, or of several: mean and spread of each cell over its seeds, with marks."""
    from sweeps.report.arranged import Arrangement
    from sweeps.report.asked import Asked, names_of

    order = {"sort": sort, "top": top, "names": names_of(name or [])}
    arrangement = Arrangement(rows=tuple(rows or ()), cols=tuple(cols or ()), **order)  # type: ignore[arg-type]
    asked = Asked(
        metrics=metric or [],
        where=where or [],
        spread=spread,
        has_seconds=seconds,
        arrangement=arrangement,
        caption=caption,
        label=label,
    )
    if from_mlflow is None:
        _print_table(names, asked, format=format, out=out, is_of_trials=trials, storage=storage)
        return
    from sweeps.tracking.elsewhere import study_on

    _print_source(study_on(from_mlflow, names), asked, format=format, out=out, is_of_trials=trials)


def compare(
    names: Annotated[list[str], typer.Argument(help="Names of two studies or more, of the same objectives.")],
    format: Format = None,
    out: Out = None,
    metric: Metric = None,
    trials: EachTrial = False,
    storage: Storage = None,
    tracking: Tracking = None,
) -> None:
    """The benchmark table of several studies, and where MLflow shows their trials together."""
    from sweeps.report.asked import Asked
    from sweeps.report.compared import check_comparable
    from sweeps.report.opened import open_studies
    from sweeps.tracking.together import page_line

    check_comparable(open_studies(names, storage))
    asked = Asked(metrics=metric or [])
    studies = _print_table(names, asked, format=format, out=out, is_of_trials=trials, storage=storage)
    if line := page_line(studies, tracking):
        print(line, file=sys.stderr)


def weights(
    name: Name,
    format: Format = None,
    out: Out = None,
    constant: Annotated[
        list[str] | None,
        typer.Option(help="METRIC=VALUE: what a constant answer reaches, the 0 of the hypervolume; may be repeated."),
    ] = None,
    storage: Storage = None,
) -> None:
    """The weightings of a study: what each reaches on every task, over networks trained for one, and the best."""
    from sweeps.report.asked import check_format, format_of
    from sweeps.report.opened import open_study
    from sweeps.report.tradeoff.constants import constants_of
    from sweeps.report.tradeoff.table import weights_table

    check_format(format := format_of(format, out), is_of_trials=False)
    _write(weights_table(open_study(name, storage), constants_of(constant or [])), format, out)


def best(name: Name, storage: Storage = None) -> None:
    """The best trial, or the Pareto set: its values, the line that trains it again, and its checkpoint."""
    from sweeps.report.best import told_best
    from sweeps.report.opened import open_study

    print("\n".join(told_best(open_study(name, storage))))


def _print_table(
    names: list[str], asked: "Asked", *, format: str | None, out: Path | None, is_of_trials: bool, storage: str | None
) -> "Sequence[Study]":
    from sweeps.report.asked import Looked, check_format, format_of
    from sweeps.report.lines import left_out_line
    from sweeps.report.opened import open_studies

    check_format(format_of(format, out), is_of_trials=is_of_trials)
    looked = Looked.at(open_studies(names, storage))
    _print_source(looked, asked, format=format, out=out, is_of_trials=is_of_trials, is_joined=len(names) > 1)
    for study, trials in zip(looked.studies, looked.trials, strict=True):
        if line := left_out_line(study.name, trials):
            print(line, file=sys.stderr)
    return looked.studies


def _print_source(
    source: "Source",
    asked: "Asked",
    *,
    format: str | None,
    out: Path | None,
    is_of_trials: bool,
    is_joined: bool = False,
) -> None:
    from sweeps.report.asked import check_format, format_of, table_of, trials_content, write
    from sweeps.report.compared import study_first
    from sweeps.report.plain import printed

    check_format(format := format_of(format, out), is_of_trials=is_of_trials)
    if is_of_trials:
        found = source.frame(asked.where)
        write(out, trials_content(study_first(found) if is_joined else found))
    elif format is None and out is None and sys.stdout.isatty():
        print(printed(table_of(source, asked)))
    else:
        _write(table_of(source, asked), format, out)


def _write(table: "Table", format: str | None, out: Path | None) -> None:
    """Print a table or write it to a file; what a format without notes cannot say goes to stderr."""
    from sweeps.report.asked import write
    from sweeps.report.export import EXPORTS

    export = EXPORTS[format or "md"]
    for warning in () if export.has_notes else table.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    write(out, export.data(table))
