"""`sweeps`: look at studies, export their tables, join their work."""

import typer

from sweeps.cli import changing, drawing, looking, pages, registering, steering, tracked

app = typer.Typer(
    no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help="Studies that `train -m` has made."
)
app.command("list")(looking.list_studies)
for _command in (
    *(
        looking.show,
        looking.watch,
        looking.table,
        looking.compare,
        looking.weights,
        looking.best,
        drawing.report,
        drawing.plot,
    ),
    *(tracked.sync, tracked.doctor, registering.register),
    *(changing.delete, changing.worker, changing.retry),
    *(steering.stop, steering.pause, steering.resume, steering.skip),
    *(pages.ui, pages.dashboard),
):
    app.command()(_command)


def main() -> None:
    """Console script: errors by the user end with one line and exit 2."""
    from sweeps.collection import collect_rarely
    from sweeps.exits import one_line_errors, usage_error
    from sweeps.guards import guard_terminal
    from sweeps.output import BROKEN_PIPE

    collect_rarely()
    guard_terminal()
    with one_line_errors():
        try:
            code = app(standalone_mode=False)
        except SystemExit as end:  # typer's own exit code of an output that nobody reads any more: it has closed it
            raise SystemExit(BROKEN_PIPE) if isinstance(end.__context__, BrokenPipeError) else end from None
        except Exception as error:
            raise usage_error(error) from error
    raise SystemExit(code if isinstance(code, int) else 0)
