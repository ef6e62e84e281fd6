"""Commands that compare studies with MLflow, and send what it lacks."""

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.options import Name, Storage, Tracking


def sync(
    name: Annotated[str | None, typer.Argument(help="Name of a study; default: all.")] = None,
    tracking: Tracking = None,
    storage: Storage = None,
) -> None:
    """Make the tracking server show the studies; may be repeated, what is there stays."""
    from sweeps.errors import SweepsError
    from sweeps.output import counted
    from sweeps.report.opened import open_database
    from sweeps.study.study import Study
    from sweeps.study.urls import shown
    from sweeps.tracking.address import where
    from sweeps.tracking.complaints import told
    from sweeps.tracking.follow import connect
    from sweeps.tracking.sync import sync as sync_study
    from sweeps.trial.files import StudyFiles

    database = open_database(storage, is_view=False)
    for study_name in [name] if name else database.study_names():
        study = Study(database, study_name)
        uri, experiment = where(study, tracking)
        if not uri:
            print(f"{study_name}: started without tracking; --tracking=URI sends it anyway.")
            continue
        try:
            view = connect(study, uri, experiment, print)
            sent = sync_study(study, view, StudyFiles(Path(study.facts["directory"])), print)
        # MLflow's client raises many kinds, of a module that is not to be imported here.
        except Exception as error:
            raise SweepsError(f"--tracking={shown(uri)} {told(error)}") from error
        ended = [trial for trial in study.trials() if trial.outcome is not None and trial.number not in sent]
        print(f"{study_name}: {counted(len(sent), 'trial')} sent, {len(ended)} there already.")


def doctor(
    name: Name,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what needs no trial to be run.")] = False,
    tracking: Tracking = None,
    storage: Storage = None,
) -> None:
    """Compare study, journals, directories and MLflow with each other; exit 1 when something is wrong."""
    from sweeps.doctor import examine, mend
    from sweeps.output import counted
    from sweeps.report.opened import open_study
    from sweeps.tracking.address import where
    from sweeps.tracking.follow import connect, connect_to_existing
    from sweeps.trial.files import StudyFiles

    study = open_study(name, storage, is_view=not fix)
    uri, experiment = where(study, tracking)
    view = (lambda: connect_to_existing(study, uri, experiment, print)) if uri else None
    files = StudyFiles(Path(study.facts["directory"]))
    findings = examine(study, files, view)
    if fix and findings:
        mend(study, files, (lambda: connect(study, uri, experiment, print)) if uri else None, print)
        before, findings = findings, examine(study, files, view)
        for finding in before:
            if finding not in findings:
                print(f"{finding.problem} -> mended")
    for finding in findings:
        print(f"{finding.problem} -> {finding.advice}")
    if findings:
        raise SystemExit(1)
    print(f"{name}: {counted(len(study.trials()), 'trial')}; study, journals and tracking agree.")
