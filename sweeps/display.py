"""What a person sees of a study while it runs: a live table, or lines where the output is no terminal."""

import sys
import time
from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweeps.outcome import Completed, Failed
from sweeps.report.export import EXPORTS, to_markdown
from sweeps.report.frame import trial_frame
from sweeps.report.tables import benchmark_table
from sweeps.space import Point
from sweeps.study.records import Notice, TrialEnded, TrialRow
from sweeps.study.study import Study

_REFRESH_S = 1.0
_MAX_ROWS = 30
_ENDED = ("completed", "pruned", "failed")


class Display:
    """Shows the whole study, also the trials that other workers run.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._console = Console(stderr=False)
        self._objective = next(iter(study.objectives), None)
        self._started_at = time.monotonic()
        self._next_refresh = 0.0
        self._trials: Sequence[TrialRow] = study.trials()
        self._seen = {trial.number for trial in self._trials if trial.state in _ENDED}
        self._num_before = len(self._seen)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        done = f", {self._num_before} of them done" if self._num_before else ""
        self._console.print(f"Study {self._study.name}: {len(self._trials)} trials{done}.", highlight=False)
        if self._console.is_terminal and self._num_before < len(self._trials):
            self._live = Live(self._table(), console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._refresh()
        if self._live is not None:
            self._live.stop()

    def notice(self, notice: Notice) -> None:
        """Show an end at once; the next refresh shows what has started."""
        if isinstance(notice, TrialEnded):
            self._next_refresh = 0.0

    def tick(self) -> None:
        if time.monotonic() >= self._next_refresh:
            began = time.monotonic()
            self._refresh()
            # A large study is read less often, so that looking never costs more than a twentieth.
            self._next_refresh = time.monotonic() + max(_REFRESH_S, 20 * (time.monotonic() - began))

    def warn(self, reason: str) -> None:
        """Say once that the tracking server does not answer."""
        later = f"Training goes on; `sweeps sync {self._study.name}` sends it later."
        print(f"Warning: tracking does not answer ({reason}). {later}", file=sys.stderr, flush=True)

    def _refresh(self) -> None:
        self._trials = self._study.trials()
        new = [trial for trial in self._trials if trial.state in _ENDED and trial.number not in self._seen]
        self._seen.update(trial.number for trial in new)
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        else:
            for trial in new:
                self._console.print(self._line(trial), highlight=False, soft_wrap=True)

    def _line(self, trial: TrialRow) -> str:
        name = _name(trial)
        head = f"[{len(self._seen)}/{len(self._trials)}] trial {trial.number} {trial.state}"
        match trial.outcome:
            case Completed(values=values, duration_s=duration_s):
                return f"{head} {name}: {', '.join(f'{value:.4f}' for value in values)} in {duration_s:.1f} s"
            case Failed(cause=cause, detail=detail):
                return f"{head} {name}: {cause}: {detail}"
        return f"{head} {name}"

    def _table(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("trial", "state", "epoch", "best", ""):
            table.add_column(title, justify="right" if title in ("trial", "epoch", "best") else "left")
        order = {"running": 0, "failed": 1, "pruned": 2, "completed": 2, "open": 3}
        rows = sorted(self._trials, key=lambda trial: (order[trial.state], trial.number))
        for trial in rows[:_MAX_ROWS]:
            table.add_row(*self._cells(trial), style=_STYLES.get(trial.state, ""))
        left = len(rows) - _MAX_ROWS
        parts: list[Any] = [table]
        if left > 0:
            parts.append(Text(f"... and {left} more", style="dim"))
        return Group(*parts, Text(self._status()))

    def _cells(self, trial: TrialRow) -> tuple[str, ...]:
        metrics = trial.outcome.metrics if trial.outcome else trial.progress
        best = metrics.get(self._objective) if self._objective else None
        epoch = metrics.get("epoch")
        if trial.outcome and epoch is not None and not any(name.startswith("test/") for name in metrics):
            epoch += 1  # Lightning logs the epochs of a fit from 0 on, and a test with their number
        shown = "" if epoch is None else f"{epoch:.0f}", "" if best is None else f"{best:.4f}"
        return str(trial.number), trial.state, *shown, _name(trial)

    def _status(self) -> str:
        num_done = len(self._seen)
        elapsed_s = time.monotonic() - self._started_at
        rate = (num_done - self._num_before) / elapsed_s
        left = len(self._trials) - num_done
        eta = f", about {_duration(left / rate)} left" if rate and left else ""
        return f"{num_done} of {len(self._trials)} done, {_duration(elapsed_s)}{eta}"


_STYLES = {"running": "cyan", "completed": "green", "failed": "red", "pruned": "yellow", "open": "dim"}


def print_preview(name: str, points: Sequence[Point], study: Study | None, num_points: int) -> None:
    """List the trials a command would run, and what exists already.

    Args:
        name: The study's name.
        points: The points of a grid; empty where a sampler draws them.
        study: The study, if it exists.
        num_points: Trials the command asks for.
    """
    if not points:
        num_known = len(study.trials()) if study else 0
        print(f"Study {name}: {num_points} points to draw, {num_known} exist already. Nothing was started.")
        return
    known = {trial.point.key: trial for trial in study.trials() if trial.point} if study else {}
    done_s = [trial.outcome.duration_s for trial in known.values() if isinstance(trial.outcome, Completed)]
    for position, point in enumerate(points):
        trial = known.get(point.key)
        print(f"{trial.number if trial else position:4d}  {trial.state if trial else 'new':9}  {describe(point)}")
    new = sum(1 for point in points if point.key not in known)
    estimate = f", about {_duration(new * sum(done_s) / len(done_s))} of compute" if done_s and new else ""
    print(f"Study {name}: {len(points)} trials, {new} of them new{estimate}. Nothing was started.")


def print_summary(study: Study, tracking: str | None) -> None:
    """The benchmark table, where the results are, and how to look at them."""
    trials = study.trials()
    failed = [trial for trial in trials if isinstance(trial.outcome, Failed)]
    table = benchmark_table(trial_frame(study))
    if table is not None:
        print(f"\n{to_markdown(table)}\n")
    for trial in failed:
        assert isinstance(trial.outcome, Failed)
        print(f"trial {trial.number} failed ({trial.outcome.cause}): {trial.outcome.detail}", file=sys.stderr)
    print(f"Results: {study.facts.get('directory')}")
    print(f"Table:   sweeps table {study.name} --format {'|'.join(EXPORTS)}")
    if tracking:
        print(f"MLflow:  {tracking}")


def describe(point: Point) -> str:
    """What varies of a point, or all of it where nothing does."""
    keys = point.varied or tuple(point.overrides)
    return " ".join(f"{key}={point.overrides[key]}" for key in keys)


def _name(trial: TrialRow) -> str:
    return describe(trial.point) if trial.point else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
