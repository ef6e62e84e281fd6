"""Commands that look at studies."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.options import Format, Name, Storage


def list_studies(storage: Storage = None) -> None:
    """The studies of a storage and how far they are."""
    from sweeps.report.listing import studies_listing
    from sweeps.report.opened import open_database
    from sweeps.study.study import Study

    database = open_database(storage)
    print(studies_listing([Study(database, name) for name in database.study_names()]))


def show(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial: what happened to it, and why.")] = None,
    storage: Storage = None,
) -> None:
    """Every trial of a study: state, attempts, result or cause of failure; or the story of one trial."""
    from sweeps.report.listing import story, trials_listing
    from sweeps.report.opened import open_study

    study = open_study(name, storage)
    print(trials_listing(study) if trial is None else story(study, trial))


def table(
    name: Name,
    format: Format = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric to show; may be repeated. Default: test metrics.")
    ] = None,
    trials: Annotated[bool, typer.Option("--trials", help="One row per trial, with all metrics (csv).")] = False,
    storage: Storage = None,
) -> None:
    """The benchmark table: mean and spread of each cell over its seeds."""
    from sweeps.report.asked import check_format, format_of, table_content, trials_content, write
    from sweeps.report.frame import trial_frame
    from sweeps.report.lines import left_out_line
    from sweeps.report.opened import open_study

    check_format(format := format_of(format, out), is_of_trials=trials)
    study = open_study(name, storage)
    found = trial_frame(study)
    content = trials_content(found) if trials else table_content(found, name, format or "md", metric or [])
    if line := left_out_line(name, study.trials()):
        print(line, file=sys.stderr)
    if out is None:
        typer.echo(content, nl=False)
    else:
        write(out, content)
