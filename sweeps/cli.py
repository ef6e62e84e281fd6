"""`sweeps`: look at studies, export their tables, join their work."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.report.export import EXPORTS

if TYPE_CHECKING:
    from sweeps.study.storage import Database
    from sweeps.study.study import Study

app = typer.Typer(
    no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help="Studies that `train -m` has made."
)

Name = Annotated[str, typer.Argument(help="Name of a study, as `sweeps list` shows it.")]
Storage = Annotated[
    str | None,
    typer.Option(help="Optuna storage URL, or a study.directory. Default: SWEEPS_STORAGE, else logs/studies."),
]
Tracking = Annotated[
    str | None, typer.Option("--tracking", help="MLflow tracking URI. Default: MLFLOW_TRACKING_URI, else mlflow.db.")
]
Format = Annotated[
    str | None, typer.Option(help="; ".join(f"{name}: {export.description}" for name, export in EXPORTS.items()) + ".")
]
Trust = Annotated[bool, typer.Option("--trust", help="Run the study's line, whatever it is.")]


def main() -> None:
    """Console script: errors by the user end with one line and exit 2."""
    from sweeps.exits import one_line_errors, usage_error
    from sweeps.guards import guard_terminal

    guard_terminal()
    with one_line_errors():
        try:
            code = app(standalone_mode=False)
        except Exception as error:
            raise usage_error(error) from error
    raise SystemExit(code if isinstance(code, int) else 0)


@app.command("list")
def list_studies(storage: Storage = None) -> None:
    """The studies of a storage and how far they are."""
    from sweeps.report.listing import studies_listing
    from sweeps.study.study import Study

    database = _database(storage)
    print(studies_listing([Study(database, name) for name in database.study_names()]))


@app.command()
def show(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial: what happened to it, and why.")] = None,
    storage: Storage = None,
) -> None:
    """Every trial of a study: state, attempts, result or cause of failure; or the story of one trial."""
    from sweeps.report.listing import story, trials_listing

    study = _study(name, storage)
    print(trials_listing(study) if trial is None else story(study, trial))


@app.command()
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

    check_format(format := format_of(format, out), is_of_trials=trials)
    study = _study(name, storage)
    found = trial_frame(study)
    content = trials_content(found) if trials else table_content(found, name, format or "md", metric or [])
    if line := left_out_line(name, study.trials()):
        print(line, file=sys.stderr)
    if out is None:
        typer.echo(content, nl=False)
    else:
        write(out, content)


@app.command()
def sync(
    name: Annotated[str | None, typer.Argument(help="Name of a study; default: all.")] = None,
    tracking: Tracking = None,
    storage: Storage = None,
) -> None:
    """Make the tracking server show the studies; may be repeated, what is there stays."""
    from sweeps.errors import SweepsError
    from sweeps.study.study import Study
    from sweeps.study.urls import shown
    from sweeps.tracking.address import where
    from sweeps.tracking.complaints import told
    from sweeps.tracking.follow import connect
    from sweeps.tracking.follow import sync as sync_study
    from sweeps.trial.files import StudyFiles

    database = _database(storage, is_view=False)
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
        print(f"{study_name}: {len(sent)} trials sent, {len(ended)} were there already.")


@app.command()
def doctor(name: Name, tracking: Tracking = None, storage: Storage = None) -> None:
    """Compare study, journals, directories and MLflow with each other; exit 1 when something is wrong."""
    from sweeps.doctor import examine
    from sweeps.tracking.address import where
    from sweeps.tracking.follow import connect
    from sweeps.trial.files import StudyFiles

    study = _study(name, storage)
    uri, experiment = where(study, tracking)
    view = (lambda: connect(study, uri, experiment, print)) if uri else None
    findings = examine(study, StudyFiles(Path(study.facts["directory"])), view)
    for finding in findings:
        print(f"{finding.problem} -> {finding.advice}")
    if findings:
        raise SystemExit(1)
    print(f"{name}: {len(study.trials())} trials; study, journals and tracking agree.")


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    storage: Storage = None,
) -> None:
    """Delete a study: its trials, their events and its directory. Runs in MLflow stay."""
    import shutil

    from sweeps.exits import agrees
    from sweeps.trial.files import StudyFiles
    from sweeps.trial.ownership import is_own_study

    study = _study(name, storage, is_view=False)
    files = StudyFiles(Path(study.facts.get("directory") or name))
    is_ours = is_own_study(files, study.facts.get("key", ""))
    num_trials = len(study.trials())
    what = f"{num_trials} trials{f' and {files.directory}' if is_ours else ''}"
    if not yes and not agrees(f"Delete study {name}: {what}?"):
        print("Nothing was deleted. --yes deletes without asking.")
        raise typer.Exit(1)
    study.delete()
    if is_ours:
        shutil.rmtree(files.directory)
    elif files.directory.exists():
        print(f"{files.directory} stays: it does not say that it is this study's.")
    print(f"{name}: {num_trials} trials deleted. Its runs in MLflow stay.")


@app.command()
def worker(name: Name, storage: Storage = None, trust: Trust = False) -> None:
    """Join a study on this machine and work until it is finished."""
    from sweeps.command import join
    from sweeps.settings import default_storage
    from sweeps.study.urls import absolute, url_of

    where = absolute(url_of(storage or default_storage()))
    join(name, _study(name, storage).facts, where, is_trusted=trust)


@app.command()
def retry(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of a trial; default: all that have failed.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="From the beginning, not from the last checkpoint.")] = False,
    storage: Storage = None,
) -> None:
    """Hand out failed trials once more; the study's own line, or `sweeps worker`, then runs them."""
    from sweeps.errors import StudyError
    from sweeps.report.typed import looked_at

    study = _study(name, storage, is_view=False)
    again = study.reopen("sweeps retry", trial, fresh=fresh)
    if not again:
        states = {row.number: row.state for row in study.trials()}
        found = "no trial has failed" if trial is None else f"trial {trial} is {states.get(trial, 'not there')}"
        raise StudyError(f"{name}: {found}. Failed trials are run again; --trial=N --fresh also an interrupted one.")
    then = f"Type the study's line, or `{looked_at('worker', study)}`."
    how = "from the beginning" if fresh else "from their last checkpoints"
    print(f"{name}: to be run {how}: {', '.join(map(str, again))}. {then}")


@app.command()
def ui(
    name: Annotated[str | None, typer.Argument(help="A study: its own page. Default: all studies.")] = None,
    storage: Storage = None,
    tracking: Tracking = None,
    port: Annotated[int, typer.Option(help="Port of the page.")] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the MLflow UI over the embedded database, or say where the server is; with a study, at its trials."""
    from sweeps.settings import tracking_uri
    from sweeps.tracking.pages import serve

    if name is None:
        uri, link = tracking or tracking_uri(), ""
    else:
        from sweeps.tracking.follow import page_of

        uri, link = page_of(_study(name, storage), tracking)
    serve(uri, host, port, link)


def _database(storage: str | None, is_view: bool = True) -> "Database":
    from sweeps.report.opened import open_database

    return open_database(storage, is_view)


def _study(name: str, storage: str | None, is_view: bool = True) -> "Study":
    from sweeps.report.opened import open_study

    return open_study(name, storage, is_view)
