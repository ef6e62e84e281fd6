"""Commands that draw studies."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.options import Storage

KINDS = ("curves", "effects", "pareto", "parallel", "confusion", "importance", "cost", "ranks", "timeline")
Shown = Annotated[list[str] | None, typer.Option("--metric", help="Metric to show; may be repeated.")]


def report(
    names: Annotated[list[str], typer.Argument(help="Name of a study, or names of several of the same objectives.")],
    out: Annotated[Path | None, typer.Option(help="File to write. Default: report.html in the study's folder.")] = None,
    storage: Storage = None,
) -> None:
    """Write the page of a study: table, learning curves, effects, fronts, failures and more, in one HTML file."""
    from sweeps.report.asked import write
    from sweeps.report.drawn import check_drawing, page_path
    from sweeps.report.opened import open_studies
    from sweeps.tracking.found import findings_of

    check_drawing()
    path = page_path(studies := open_studies(names, storage), out)
    from sweeps.report.page.document import page_of

    with findings_of(studies) as findings:
        content = page_of(findings)
    write(path, content)
    print(path)


def plot(
    name: Annotated[str, typer.Argument(help="Name of a study, as `sweeps list` shows it.")],
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS)}.")],
    out: Annotated[Path, typer.Option(help="File to write: .pdf, .svg or .png.")],
    metric: Shown = None,
    key: Annotated[str | None, typer.Option(help="Key that is to be on the axis.")] = None,
    storage: Storage = None,
) -> None:
    """Draw one picture of a study for a paper, one column wide."""
    from sweeps.report.asked import write
    from sweeps.report.drawn import check_drawing, check_kind, check_metrics, chosen, picture_file, told_of
    from sweeps.report.opened import open_study
    from sweeps.tracking.found import findings_of

    format = check_kind(kind, out)
    check_drawing()
    with findings_of([open_study(name, storage)], metric or []) as findings:
        check_metrics(findings, metric or [])
        panel, others = chosen(findings, kind, key)
        content = picture_file(panel, format)
    write(out, content)
    print(f"{out}: {told_of(panel, others)}", file=sys.stderr)
