"""What `sweeps table` is asked for: the content of a file, or one line that says what there is instead."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, Self, get_args

import typer

from sweeps.errors import StudyError, did_you_mean
from sweeps.output import counted
from sweeps.report.arranged import Arrangement, arranged
from sweeps.report.captions import caption, of_seconds
from sweeps.report.chosen import where
from sweeps.report.compared import check_comparable, joined
from sweeps.report.export import EXPORTS, trials_to_csv
from sweeps.report.frame import Trials, trial_frame
from sweeps.report.portable import Portable
from sweeps.report.tables import Spread, Table, benchmark_table
from sweeps.study.records import TrialRow
from sweeps.study.study import Study

_LABEL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_./"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a table is to show.

    Attributes:
        metrics: Names of metrics; empty: the usual ones.
        where: `KEY=VALUE` each: which trials.
        spread: What stands behind ±.
        has_seconds: Whether there is a column of times.
        arrangement: Rows, columns, order, names.
        caption: Text instead of what was fixed; None: that.
        label: By which a LaTeX document refers to the table.
    """

    metrics: Sequence[str] = ()
    where: Sequence[str] = ()
    spread: str = "sd"
    has_seconds: bool = False
    arrangement: Arrangement = field(default_factory=Arrangement)
    caption: str | None = None
    label: str = ""


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


def names_of(asked: Sequence[str]) -> dict[str, str]:
    """`KEY=TEXT` each, as a mapping.

    Raises:
        StudyError: One has no text.
    """
    if wrong := next((text for text in asked if not text.partition("=")[2]), None):
        raise StudyError(f"--name={wrong} has no text: KEY=TEXT.")
    return {key: text for key, _, text in (each.partition("=") for each in asked)}


@dataclass(frozen=True, slots=True)
class Looked:
    """Studies with their trials, which are read once: ten thousand take a second.

    Attributes:
        studies: At least one.
        trials: All trials of each.
    """

    studies: Sequence[Study]
    trials: Sequence[Sequence[TrialRow]]

    @classmethod
    def at(cls, studies: Sequence[Study]) -> Self:
        """What the studies have now.

        Raises:
            StudyError: They want different things, and cannot stand in one table.
        """
        if studies[1:]:
            check_comparable(studies)
        return cls(studies, [study.trials() for study in studies])

    @property
    def current(self) -> list[list[TrialRow]]:
        """The trials of each study that are of its configuration of today."""
        return [[trial for trial in own if trial.is_current] for own in self.trials]

    @property
    def name(self) -> str:
        return ", ".join(study.name for study in self.studies)

    def caption(self) -> str:
        return caption(self.studies, self.current)

    def seconds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(of_seconds, self.studies)))

    def portable(self) -> Portable:
        """All that a table needs, for where the study itself is not."""
        return Portable(self.name, self.frame(), self.caption(), " ".join(self.seconds()))

    def frame(self, asked: Sequence[str] = ()) -> Trials:
        """Those that `--where` chooses.

        Raises:
            StudyError: No trial is left.
        """
        current = self.current
        frame = joined(self.studies, current) if current[1:] else trial_frame(self.studies[0], current[0])
        return where(frame, asked)


class Source(Protocol):
    """Whatever a table can be made from."""

    @property
    def name(self) -> str:
        """Of the study, or of the studies."""
        ...

    def frame(self, asked: Sequence[str] = ()) -> Trials:
        """The trials that `--where` chooses."""
        ...

    def caption(self) -> str:
        """What was fixed."""
        ...

    def seconds(self) -> tuple[str, ...]:
        """What a column of times has to say."""
        ...


def _caption(source: Source, chosen: Sequence[str], num_trials: int) -> str:
    """What was fixed in all trials, and which of them these are."""
    here = f"Here: {counted(num_trials, 'trial')} of these, with {', '.join(chosen)}." if chosen else ""
    return " ".join(filter(None, (source.caption(), here)))


def table_of(source: Source, asked: Asked) -> Table:
    """The benchmark table of one study or of several.

    Raises:
        StudyError: No trial has recorded one of the metrics, none has ended, or something asked for is not there.
    """
    _check(asked)
    trials = source.frame(asked.where)
    recorded = dict.fromkeys(map(str, (*trials.objectives, *trials.metrics)))
    for name in asked.metrics:
        if name not in recorded:
            known = did_you_mean(name, recorded)
            raise StudyError(f"--metric={name} was recorded by no trial. Recorded: {known}")
    spread: Spread = asked.spread  # type: ignore[assignment]  # has been checked
    made = benchmark_table(
        trials,
        asked.metrics,
        spread=spread,
        has_seconds=asked.has_seconds,
        # The objective is in every table, but not in a column for each value of a key.
        has_objectives=not (asked.arrangement.cols and asked.metrics),
    )
    if made is None:
        raise StudyError(f"Study {source.name!r} has no trial yet that has ended.")
    if asked.has_seconds:
        made = replace(made, notes=(*made.notes, *source.seconds()))
    text = _caption(source, asked.where, len(trials.own)) if asked.caption is None else asked.caption
    return replace(arranged(made, asked.arrangement), caption=text, label=asked.label)


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


def _check(asked: Asked) -> None:
    if asked.spread not in get_args(Spread):
        raise StudyError(f"--spread={asked.spread} is unknown. Known: {did_you_mean(asked.spread, get_args(Spread))}")
    if wrong := next((sign for sign in asked.label if sign not in _LABEL), None):
        raise StudyError(f"--label={asked.label} has {wrong!r}. A label has letters, digits and : - _ . / only.")
    top = asked.arrangement.top
    if top is not None and top < 1:
        raise StudyError(f"--top={top} shows nothing. At least 1.")
