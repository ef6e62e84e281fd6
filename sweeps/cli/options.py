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
EachTrial = Annotated[bool, typer.Option("--trials", help="One row per trial, with all metrics (csv).")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the study's line, whatever it is.")]
