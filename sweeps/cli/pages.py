"""Commands that open pages of studies in a browser."""

from typing import Annotated

import typer

from sweeps.cli.options import Storage, Tracking

Port = Annotated[int, typer.Option(help="Port of the page.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]


def ui(
    names: Annotated[
        list[str] | None, typer.Argument(help="A study: its own page; several: all in one. Default: all studies.")
    ] = None,
    storage: Storage = None,
    tracking: Tracking = None,
    port: Port = 5000,
    host: Host = "127.0.0.1",
) -> None:
    """Open the MLflow UI over the embedded database, or say where the server is; with a study, at its trials."""
    from sweeps.settings import tracking_uri
    from sweeps.tracking.pages import serve

    if not names:
        uri, link = tracking or tracking_uri(), ""
    elif len(names) == 1:
        from sweeps.report.opened import open_study
        from sweeps.tracking.follow import page_of

        uri, link = page_of(open_study(names[0], storage), tracking)
    else:
        from sweeps.report.compared import check_comparable
        from sweeps.report.opened import open_studies
        from sweeps.tracking.together import page_of_all

        check_comparable(studies := open_studies(names, storage))
        uri, link = page_of_all(studies, tracking, print)
    serve(uri, host, port, link)


def dashboard(
    name: Annotated[str | None, typer.Argument(help="A study: its own page. Default: all studies.")] = None,
    storage: Storage = None,
    port: Port = 8080,
    host: Host = "127.0.0.1",
) -> None:
    """Open optuna-dashboard over the studies of a storage: history, importances, slices."""
    from sweeps.report.opened import open_database, open_study
    from sweeps.study.dashboard import check_dashboard, serve

    check_dashboard()
    database = open_database(storage, is_view=False) if name is None else open_study(name, storage, False).database
    serve(database, host, port, name)
