"""What `sweeps table` is asked for: the content of a file, or one line that says what there is instead."""

from collections.abc import Sequence
from pathlib import Path

import typer

from sweeps.errors import StudyError, did_you_mean
from sweeps.report.export import EXPORTS, trials_to_csv
from sweeps.report.frame import Trials
from sweeps.report.tables import benchmark_table


def check_format(format: str | None, *, is_of_trials: bool) -> None:
    """Refuse a format that there is not.

    Raises:
        StudyError: Nothing has that name, or the rows of all trials are not written so.
    """
    if format is not None and format not in EXPORTS:
        raise StudyError(f"--format={format} is unknown. Known: {did_you_mean(format, EXPORTS)}")
    if is_of_trials and format not in (None, "csv"):
        raise StudyError(f"--format={format} is for the benchmark table; --trials is written as csv.")


def format_of(format: str | None, out: Path | None) -> str | None:
    """The format that is asked for, or that the name of the file says; None where neither says one.

    Raises:
        StudyError: The file's name ends like none of them.
    """
    if format is not None or out is None or not out.suffix:
        return format
    by_suffix = {export.suffix: name for name, export in EXPORTS.items()}
    if out.suffix not in by_suffix:
        raise StudyError(
            f"--out={out}: no format ends in {out.suffix}. --format=FORMAT chooses one: {', '.join(EXPORTS)}"
        )
    return by_suffix[out.suffix]


def table_content(trials: Trials, name: str, format: str, metrics: Sequence[str]) -> bytes:
    """The benchmark table of a study.

    Raises:
        StudyError: No trial has recorded one of the metrics, or none has ended.
    """
    recorded = dict.fromkeys(map(str, (*trials.objectives, *trials.metrics)))
    for asked in metrics:
        if asked not in recorded:
            known = did_you_mean(asked, recorded)
            raise StudyError(f"--metric={asked} was recorded by no trial. Recorded: {known}")
    made = benchmark_table(trials, metrics)
    if made is None:
        raise StudyError(f"Study {name!r} has no trial yet that has ended.")
    return EXPORTS[format].data(made)


def trials_content(trials: Trials) -> bytes:
    """One row per trial, with all overrides and metrics."""
    return trials_to_csv(trials).encode()


def write(path: Path | None, content: bytes) -> None:
    """Write the file, and its folders; None: standard output.

    Raises:
        StudyError: There is a folder of that name, or nothing may be written there.
    """
    if path is None:
        typer.echo(content, nl=False)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StudyError(f"--out={path}: {error.strerror}.") from error
