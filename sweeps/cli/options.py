"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from sweeps.report.export import EXPORTS

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
Out = Annotated[Path | None, typer.Option(help="File to write; default: standard output.")]
Metric = Annotated[list[str] | None, typer.Option(help="Metric to show; may be repeated. Default: test metrics.")]
Names = Annotated[list[str], typer.Argument(help="Names of studies, as `sweeps list` shows them.", metavar="STUDY...")]
Rows = Annotated[list[str] | None, typer.Option("--rows", help="Key that names the rows; may be repeated.")]
Cols = Annotated[list[str] | None, typer.Option("--cols", help="Key whose values become columns; may be repeated.")]
Where = Annotated[list[str] | None, typer.Option("--where", help="KEY=VALUE: only these trials; may be repeated.")]
SpreadOf = Annotated[
    str, typer.Option("--spread", help="Behind ±: sd (standard deviation), se (standard error), ci (95 % t interval).")
]
Sort = Annotated[str | None, typer.Option(help="Column to sort by, the best first; -COLUMN the other way round.")]
Top = Annotated[int | None, typer.Option(help="How many rows; without --sort by the first metric.")]
NewName = Annotated[list[str] | None, typer.Option("--name", help="KEY=TEXT: TEXT for a heading or a key's value.")]
Caption = Annotated[str | None, typer.Option(help="Instead of what was fixed.")]
Label = Annotated[str, typer.Option(help="By which a LaTeX document refers to the table.")]
Seconds = Annotated[bool, typer.Option("--seconds", help="Show the median seconds of an epoch.")]
FromMlflow = Annotated[
    str | None, typer.Option("--from-mlflow", help="MLflow tracking URI: read an ended study there, and nothing else.")
]
EachTrial = Annotated[bool, typer.Option("--trials", help="One row per trial, with all metrics (csv).")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the study's line, whatever it is.")]
