"""Commands that look at studies."""

import sys
from typing import Annotated

import typer

from sweeps.cli.options import EachTrial, Format, Metric, Name, Out, Storage, Tracking


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
    out: Out = None,
    metric: Metric = None,
    trials: EachTrial = False,
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
    write(out, content)


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
    from sweeps.report.asked import check_format, format_of, table_content, trials_content, write
    from sweeps.report.compared import check_comparable, joined, study_first
    from sweeps.report.lines import left_out_line
    from sweeps.report.opened import open_studies
    from sweeps.tracking.together import page_line

    check_format(format := format_of(format, out), is_of_trials=trials)
    check_comparable(studies := open_studies(names, storage))
    found, title = joined(studies), ", ".join(names)
    rows = trials_content(study_first(found)) if trials else table_content(found, title, format or "md", metric or [])
    told = [left_out_line(study.name, study.trials()) for study in studies]
    write(out, rows)
    for line in filter(None, [*told, page_line(studies, tracking)]):
        print(line, file=sys.stderr)
