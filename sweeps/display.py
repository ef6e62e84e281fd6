"""What a person sees of a study while it runs: a live table, or lines where the output is no terminal."""

import io
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self, TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live

from sweeps.outcome import Failed
from sweeps.output import counted, drop_output, one_line, width_of
from sweeps.preparing import prepared
from sweeps.report.best import best_lines
from sweeps.report.codes import other_code
from sweeps.report.frame import trial_frame
from sweeps.report.lines import Drawn, aim, ended_line, left_out_line, preview_lines
from sweeps.report.live import Seen, live_view
from sweeps.report.plain import printed
from sweeps.report.tables import benchmark_table
from sweeps.report.typed import looked_at
from sweeps.space import Point
from sweeps.study.records import Notice, TrialEnded, TrialRetried
from sweeps.study.study import Study
from sweeps.tracking.reported import kept_report
from sweeps.trial.files import StudyFiles

_REFRESH_S, _SHARE = 1.0, 0.01
_SOON_S = 0.25
"""Trials that end sooner after each other are looked at together."""
_TELL_S, _SILENCE_S = 60.0, 600.0
"""Shortest time between two lines that say how far a study is, without a terminal; and where no trial has ended."""
_ENDED = ("completed", "pruned", "failed", "skipped")


class _PlainConsole(Console):
    """Text as it is: overrides and messages of errors hold brackets, which are not styles."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(markup=False, highlight=False, file=file)

    def on_broken_pipe(self) -> None:
        """Say it, but once; rich itself would end the process."""
        drop_output()
        raise BrokenPipeError


class Display:
    """Shows the whole study, also the trials that other workers run.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._console = _PlainConsole()
        self._now = study.sight.look(study.configuration)
        self._feed = study.sight.feed
        self._started_at = self._told_at = time.monotonic()
        self._next_refresh = self._looked_at = 0.0
        self._shown = {trial.number for trial in self._feed.trials.values() if trial.state in _ENDED}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        prepared()
        num_trials, num_before = len(self._feed.trials), len(self._shown)
        self._console.print(_opening(self._study, num_trials, num_before))
        if self._console.is_terminal and num_before < num_trials:
            self._live = Live(self._view(), console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._refresh()
        finally:
            if self._live is not None:
                self._live.stop()

    def notice(self, notice: Notice) -> None:
        """Show an end soon, and a line for an attempt that is repeated; the next refresh shows what has started."""
        match notice:
            case TrialEnded():
                self._next_refresh = min(self._next_refresh, self._looked_at + _SOON_S)
            case TrialRetried(number=number, what=what, why=why):
                self._print(f"trial {number} {what}: {why}")

    def tick(self) -> None:
        if time.monotonic() >= self._next_refresh:
            began, self._looked_at = time.process_time(), time.monotonic()
            self._refresh()
            # A large study is looked at less often, so that looking never costs more than that share of a core.
            self._next_refresh = time.monotonic() + max(_REFRESH_S, (time.process_time() - began) / _SHARE)

    def told(self) -> str:
        """How far the study is, in one line."""
        seen = self._seen()
        return seen.status(seen.pace().of_study(seen.trials.values()))

    def warn(self, what: str) -> None:
        """Say what is wrong with tracking; nothing of it ends a sweep."""
        self.warn_of(f"{what.rstrip('.')}. Training goes on; `{looked_at('sync', self._study)}` sends what is missing")

    def warn_of(self, what: str) -> None:
        """Say what is wrong with something that no trial needs."""
        print(f"Warning: {what}.", file=sys.stderr, flush=True)

    def _refresh(self) -> None:
        self._now = self._study.sight.look(self._study.configuration)
        changed = self._feed.ended.keys() - self._shown
        new = sorted(changed, key=lambda number: self._feed.ended[number])
        self._shown.update(trial.number for trial in self._feed.trials.values() if trial.state in _ENDED)
        if self._live is not None:
            self._live.update(self._view(), refresh=True)
            return
        for num_done, number in enumerate(new, start=len(self._shown) - len(new) + 1):
            self._print(ended_line(self._feed.trials[number], num_done, len(self._feed.trials)))
        self._tell(_TELL_S if new else _SILENCE_S)

    def _tell(self, every_s: float) -> None:
        """Say how far the study is, where there is no terminal; at most so often."""
        if time.monotonic() - self._told_at >= every_s and len(self._shown) < len(self._feed.trials):
            self._told_at = time.monotonic()
            self._print(self.told())

    def _print(self, line: str) -> None:
        self._console.print(one_line(line, width_of(sys.stdout)), soft_wrap=True)

    def _view(self) -> RenderableType:
        return live_view(self._seen(), *self._console.size)

    def _seen(self) -> Seen:
        elapsed_s = time.monotonic() - self._started_at
        feed = self._feed
        return Seen(study=self._study, trials=feed.trials, ended=feed.ended, now=self._now, elapsed_s=elapsed_s)


def _opening(study: Study, num_trials: int, num_done: int) -> str:
    done = f", {num_done} of them done" if num_done else ""
    return f"Study {study.name}: {counted(num_trials, 'trial')}{done}. {aim(study)}."


def opening_of_finished(study: Study) -> str:
    """What a display of the finished study begins with, wrapped as it would be."""
    num_trials, console = len(study.current_trials()), _PlainConsole(io.StringIO())
    console.print(_opening(study, num_trials, num_trials), end="")
    return cast(io.StringIO, console.file).getvalue()


def watch(study: Study) -> None:
    """Show a study that runs elsewhere until it is at rest."""
    with Display(study) as display:
        while not study.is_at_rest():
            display.tick()
            time.sleep(_REFRESH_S)
    print(display.told())


def print_preview(
    name: str,
    points: Sequence[Point],
    study: Study | None,
    num_points: int,
    notes: Sequence[str] = (),
    drawn: Drawn = (frozenset(), 0),
) -> None:
    """List the trials a command would run, and what exists already.

    Args:
        name: The study's name.
        points: The points of a grid; empty where a sampler draws them.
        study: The study, if it exists.
        num_points: Trials the command asks for.
        notes: What there is to say of the points.
        drawn: Of a search: what it has drawn.
    """
    for line in (*preview_lines(name, points, study.trials() if study else [], num_points, drawn), *notes):
        print(line)


def print_submitted(study: Study) -> None:
    """Say that a study is there to be worked on, and what works on it."""
    num_trials, counts = len(study.current_trials()), study.counts()
    done = f", {counts['done']} of them done" if counts["done"] else ""
    print(f"Study {study.name}: {counted(num_trials, 'trial')}{done}. {aim(study)}. Nothing is trained here.")
    print(f"Works on it, here and on every machine that has the project and the storage: {looked_at('worker', study)}")


def _moved(recorded: str | None, directory: Path) -> str:
    """Says that a study began elsewhere: its project was moved, or another machine has begun it."""
    return f" (begun in {recorded})" if recorded and Path(recorded) != directory else ""


def _places(study: Study, directory: Path) -> Iterator[str]:
    """Where the results are, and what shows them."""
    yield f"Results: {directory}{_moved(study.facts.get('directory'), directory)}"
    if any(trial.state == "completed" for trial in study.current_trials()):
        yield f"Table:   {looked_at('table', study)}"
    if (report := next(kept_report(study, StudyFiles(directory)), None)) and study.is_at_rest():
        yield f"Report:  {report[1]}"


def print_summary(study: Study, directory: Path, tracking: str | None, root: str = "") -> list[tuple[int, str]]:
    """The benchmark table, the best trial, where the results are, and the commands that look at them.

    Args:
        study: The study.
        directory: Where it is kept on this machine.
        tracking: Where its runs are; None: it is not tracked.
        root: The project's folder; trials of other code than it has are named. Empty: nothing is compared.

    Returns:
        What was printed, each text with the number of its stream: 1 is standard output, 2 standard error.
    """
    said = list(_summary(study, directory, tracking, root))
    for stream, text in said:
        print(text, file=sys.stdout if stream == 1 else sys.stderr)
    return said


def _summary(study: Study, directory: Path, tracking: str | None, root: str) -> Iterator[tuple[int, str]]:
    table = benchmark_table(trial_frame(study))
    if table is not None and any(column.kind == "metric" for column in table.columns):
        is_marked = any(column.marks.best for column in table.columns)
        yield 1, f"\n{printed(table if is_marked else replace(table, notes=()))}\n"
    if line := left_out_line(study.name, study.trials()):
        yield 1, line
    trials = study.current_trials()
    for trial in trials:
        match trial.outcome:
            case Failed(cause=cause, detail=detail):
                yield 2, one_line(f"trial {trial.number} failed ({cause}): {detail}", width_of(sys.stderr))
    told = filter(None, (*best_lines(study, trials), other_code(study, trials, root), *_places(study, directory)))
    yield from ((1, line) for line in told)
    if tracking:
        yield 1, f"MLflow:  {tracking}"
