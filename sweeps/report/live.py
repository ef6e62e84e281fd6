"""The live view of a study: a bar, the trials that run with their own progress, what has just ended, the best."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from sweeps.output import counted
from sweeps.report.lines import describe, duration, live_cells, result
from sweeps.report.measures import comparable
from sweeps.report.numbers import number_format
from sweeps.report.pace import Left, Pace
from sweeps.report.ranking import best_trials
from sweeps.space import REPLICATE_KEY
from sweeps.study.records import DONE, TrialRow
from sweeps.study.study import Study
from sweeps.study.will import Look

_OTHER_LINES = 6
"""Lines of a view that are no trials: heading, rest, bar, status, best, and the one of the cursor."""

_MAX_ROWS = 30
_STYLES = {"running": "cyan", "completed": "green", "failed": "red", "pruned": "yellow", "open": "dim"}
_FULL, _EMPTY = "━", "─"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A study as it is shown.

    Attributes:
        study: The study.
        trials: Number to trial, by number.
        ended: Number of a trial that has ended to its place in the order of endings.
        now: What its workers are to do.
        elapsed_s: How long it has been looked at.
    """

    study: Study
    trials: Mapping[int, TrialRow]
    ended: Mapping[int, int]
    now: Look
    elapsed_s: float

    @property
    def num_done(self) -> int:
        """Trials that have ended, or are not to be run."""
        return sum(trial.state not in ("open", "running") for trial in self.trials.values())

    def pace(self) -> Pace:
        """How long its trials take."""
        return Pace(self.trials.values(), self.study.facts.get("seed_key", REPLICATE_KEY))

    def status(self, left: Left | None) -> str:
        """How far it is: `4 of 10 done, 2 running, 0:30, about 1:30 left`."""
        num_running = sum(trial.state == "running" for trial in self.trials.values())
        parts = [f"{self.num_done} of {len(self.trials)} done"]
        parts += [f"{num_running} running"] if num_running else []
        parts += [duration(self.elapsed_s)]
        if left is not None and self.num_done < len(self.trials) and self.now.wanted == "run":
            parts.append(f"{'about' if left.is_whole else 'at least'} {duration(left.seconds)} left")
        return ", ".join(
            [*parts, *([f"{_WORDS[self.now.wanted]}: {self.now.why}"] if self.now.wanted in _WORDS else [])]
        )

    def best(self) -> str:
        """The best trial so far; empty where there is none."""
        found = best_trials(comparable(self.study, list(self.trials.values())), self.study.directions)
        if not found or self.study.directions[1:]:
            return f"Pareto set: {counted(len(found), 'trial')}" if found else ""
        values = getattr(found[0].outcome, "values", (0.0,))
        told = f"{self.study.value_names[0]} {values[0]:{number_format(list(values[:1]))}}"
        return f"Best: trial {found[0].number}, {told}: {describe(found[0].point)}"


_WORDS = {"pause": "paused", "end": "ending", "stop": "stopping"}


def live_view(seen: Seen, width: int, height: int) -> RenderableType:
    """The view, no wider and no higher than the terminal.

    Args:
        seen: The study.
        width: Columns of the terminal.
        height: Its lines.
    """
    pace = seen.pace()
    left = pace.of_study(seen.trials.values())
    room = max(1, min(_MAX_ROWS, height - _OTHER_LINES))
    shown = list(itertools.islice(_in_order(seen), room))
    parts: list[Any] = [*_table(seen, shown, pace)]
    if num_more := len(seen.trials) - len(shown):
        parts.append(_line(f"... and {num_more} more", "dim"))
    share = seen.num_done / len(seen.trials) if seen.trials else 1.0
    parts += [_bar(share, width), _line(seen.status(left))]
    return Group(*parts, *([_line(best, "bold")] if (best := seen.best()) else []))


def _in_order(seen: Seen) -> Any:
    """What runs, then what has ended last, then what is open."""
    trials = seen.trials.values()
    yield from (trial for trial in trials if trial.state == "running")
    yield from (seen.trials[number] for number in sorted(seen.ended, key=lambda number: -seen.ended[number]))
    yield from (trial for trial in trials if trial.state in ("open", "skipped"))


def _table(seen: Seen, shown: Sequence[TrialRow], pace: Pace) -> list[Text]:
    objective = next(iter(seen.study.objectives), None)
    rows = [("trial", "state", "done", "left", "last", "")]
    for trial in shown:
        number, state, epoch, last, point = live_cells(trial, objective)
        done, left = trial.progress.get(DONE), pace.left_s(trial) if trial.state == "running" else None
        far = (
            f"{100 * done:.0f} %"
            if done is not None and trial.state == "running"
            else f"epoch {epoch}"
            if epoch
            else ""
        )
        if trial.state == "completed":
            last = last or result(trial)  # what the task has returned has no name
        rows.append((number, state, far, "" if left is None else duration(left), last, point))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        number, _, *others = (cell.rjust(size) for cell, size in zip(cells[:-1], widths[:-1], strict=True))
        lines.append("  ".join([number, cells[1].ljust(widths[1]), *others, cells[-1]]).rstrip())
    styles = ["bold", *(_STYLES.get(trial.state, "dim") for trial in shown)]
    return [_line(line, style) for line, style in zip(lines, styles, strict=True)]


def _bar(share: float, width: int) -> Text:
    room = max(1, min(width, 80) - 6)
    full = int(room * share)
    return Text.assemble(
        (_FULL * full, "green"), (_EMPTY * (room - full), "dim"), f" {int(100 * share):3d} %", no_wrap=True
    )


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
